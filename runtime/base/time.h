#pragma once

#include <chrono>
#include <cstdint>

namespace moult {

/// Everything that waits or expires uses the steady clock; only record timestamps and logs are
/// wall-clock.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = std::chrono::nanoseconds;
using Milliseconds = std::chrono::milliseconds;

inline constexpr TimePoint kNever = TimePoint::max();

inline std::int64_t to_ms(Duration duration) {
  return std::chrono::duration_cast<Milliseconds>(duration).count();
}

}  // namespace moult
