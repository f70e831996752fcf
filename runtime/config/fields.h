#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/config/map_reader.h"

namespace moult::config {

/// Both ends are allowed.
template <typename T>
struct Range {
  T low;
  T high;
};

/// The readers of single values. A missing value leaves `into` (the default) as it is; a wrong one
/// as well, and adds a problem. Problems repeat what stands in the file, never what interpolation
/// made of it. True: `into` was set.
bool read_text(Reading& reading, const MaybeValue& value, std::string& into);
bool read_integer(Reading& reading, const MaybeValue& value, Range<std::uint32_t> range,
                  std::uint32_t& into);
/// The same or the word `unlimited`, which sets 0.
bool read_limit(Reading& reading, const MaybeValue& value, Range<std::uint32_t> range,
                std::uint32_t& into);
/// A whole number with a percent sign.
bool read_percent(Reading& reading, const MaybeValue& value, Range<std::uint32_t> range,
                  std::uint32_t& into);
bool read_duration(Reading& reading, const MaybeValue& value,
                   Range<std::chrono::milliseconds> range, std::chrono::milliseconds& into);
bool read_size(Reading& reading, const MaybeValue& value, Range<std::uint64_t> range,
               std::uint64_t& into);
/// A path, made absolute: a relative one starts at `folder`.
bool read_path(Reading& reading, const MaybeValue& value, const std::filesystem::path& folder,
               std::filesystem::path& into);
/// The index of the text in `names`; the nearest one is in the problem.
std::optional<std::size_t> read_choice(Reading& reading, const MaybeValue& value,
                                       std::span<const std::string_view> names);

/// Adds "'key': 'text' what" for a value whose text can't be used.
void add_problem(Reading& reading, const Value& value, std::string_view what);

/// The scalar with its interpolations, or problems.
std::optional<std::string> resolve_scalar(Reading& reading, const Value& value);

}  // namespace moult::config
