#include "runtime/observe/futex_counter.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace moult {
namespace {

static_assert(std::atomic<std::uint32_t>::is_always_lock_free &&
              sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

// Keeps the sum of now and a bound like Duration::max() from overflowing.
constexpr Duration kLongestWait = std::chrono::hours(24);

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
           const timespec* timeout) noexcept {
  return ::syscall(SYS_futex, &word, operation, value, timeout, nullptr, 0);
}

timespec to_timespec(Duration duration) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(duration);
  return {.tv_sec = seconds.count(), .tv_nsec = (duration - seconds).count()};
}

bool has_reached(std::uint32_t value, std::uint32_t target) noexcept {
  return static_cast<std::int32_t>(value - target) >= 0;
}

}  // namespace

void FutexCounter::advance() noexcept {
  value_.fetch_add(1);
  if (waiting_.load() > 0) futex(value_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr);
}

bool FutexCounter::wait_for(std::uint32_t target, Duration bound) noexcept {
  const int saved_errno = errno;  // a signal handler must leave it as it was
  const TimePoint deadline = Clock::now() + std::min(bound, kLongestWait);
  waiting_.fetch_add(1);
  std::uint32_t seen = value_.load();
  Duration left = deadline - Clock::now();
  while (!has_reached(seen, target) && left > Duration::zero()) {
    const timespec timeout = to_timespec(left);
    futex(value_, FUTEX_WAIT_PRIVATE, seen, &timeout);
    seen = value_.load();
    left = deadline - Clock::now();
  }
  waiting_.fetch_sub(1);
  errno = saved_errno;
  return has_reached(seen, target);
}

}  // namespace moult
