#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/base/time.h"
#include "runtime/observe/futex_counter.h"

namespace moult {

/// Bounds of the lines that wait to be written, the one being written included.
inline constexpr std::uint32_t kMaxQueuedLogLines = 8'192;
inline constexpr std::size_t kMaxQueuedLogBytes = 8ULL * 1024 * 1024;

/// Keeps the books of a log queue: lets lines in while they fit, counts those that don't, and
/// knows when the ones let in are finished. Once it is full it opens again at half its bounds, so
/// that an overload gives few long gaps (each reported by one line) instead of a gap at every
/// other line. Any thread.
class LogQueueGate {
 public:
  /// False: full, not worth formatting anything.
  bool is_open() noexcept;

  /// Lets a line of `bytes` in, or not. Each line let in is finished once.
  bool admit(std::size_t bytes) noexcept;
  void finish(std::size_t bytes) noexcept;

  std::uint32_t unfinished() const noexcept;

  void count_dropped(std::uint64_t lines) noexcept { dropped_.fetch_add(lines); }
  std::uint64_t take_dropped() noexcept;

  /// Waits until the lines let in so far are finished. Async-signal-safe.
  bool wait_finished(Duration bound) noexcept {
    return finished_.wait_for(admitted_.load(), bound);
  }

 private:
  bool admit_bytes(std::size_t bytes) noexcept;
  bool admit_line() noexcept;

  std::atomic<std::uint32_t> admitted_{0};
  std::atomic<std::size_t> bytes_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<bool> full_{false};
  FutexCounter finished_;
};

}  // namespace moult
