#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/plugin/generation.h"
#include "sdk/include/moult/moult.h"

namespace moult {

/// The host's side of one state_export: what the plugin writes, up to MOULT_STATE_MAX bytes. Used
/// on the thread of that call.
class StateSink {
 public:
  StateSink() = default;
  StateSink(const StateSink&) = delete;
  StateSink& operator=(const StateSink&) = delete;

  /// What the plugin gets; good as long as this lives.
  moult_state_writer writer();
  /// The first thing that was refused, if anything was.
  Status refusal() const;
  /// What was written; fails when none was begun.
  Result<HandedState> take();

  // What the functions of the writer do.
  std::int32_t begin(const char* schema, std::uint32_t version) noexcept;
  std::int32_t write(const std::uint8_t* bytes, std::uint64_t size) noexcept;

 private:
  std::int32_t refuse(std::string_view why) noexcept;

  HandedState state_;
  bool has_begun_ = false;
  std::string_view refused_;  // empty: nothing was
};

}  // namespace moult
