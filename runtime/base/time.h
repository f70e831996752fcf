#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

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

/// For poll() and its like: the whole milliseconds after which `wait` is over, so that nobody wakes
/// up just before what is due; 0 when it is over already.
inline int poll_ms(Duration wait) {
  const std::int64_t whole = std::chrono::ceil<Milliseconds>(wait).count();
  return static_cast<int>(std::clamp<std::int64_t>(whole, 0, std::numeric_limits<int>::max()));
}

}  // namespace moult
