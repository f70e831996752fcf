#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/log.h"

namespace moult {

/// Bounds of one line. A longer text is cut and ends in "…"; further fields are left out and
/// counted in a last field `fields_left_out`.
inline constexpr std::size_t kMaxLogMessageBytes = 16ULL * 1024;
inline constexpr std::size_t kMaxLogValueBytes = 4ULL * 1024;
inline constexpr std::size_t kMaxLogKeyBytes = 48;
inline constexpr std::size_t kMaxLogFields = 32;

/// One line as it was written. Points into the writer's memory.
struct LogLine {
  std::chrono::system_clock::time_point time;
  Component component;
  Severity severity;
  std::string_view message;
  std::span<const Field> fields;
};

/// One line as its destination takes it. `field_ends` is the journal's: where each of its
/// NAME=value entries ends in `bytes`.
struct FormattedLine {
  std::string bytes;
  std::vector<std::size_t> field_ends;
};

/// Calls `visit` with each field within the bound.
template <typename Visit>
void visit_fields(const LogLine& line, Visit visit) {
  const std::size_t shown = std::min(line.fields.size(), kMaxLogFields);
  for (const Field& field : line.fields.first(shown)) visit(field);
  if (const std::size_t left_out = line.fields.size() - shown; left_out > 0) {
    visit(Field("fields_left_out", left_out));
  }
}

}  // namespace moult
