#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/base/time.h"

namespace moult {

/// Counts upwards, and lets any thread wait for a count with a bound. No lock and no allocation,
/// so that both calls are async-signal-safe, which no condition variable is. Wraps around:
/// counts may be compared while they are less than 2^31 apart.
class FutexCounter {
 public:
  std::uint32_t value() const noexcept { return value_.load(); }
  void advance() noexcept;

  /// True once the count has reached `target`, false if it hasn't within `bound`.
  bool wait_for(std::uint32_t target, Duration bound) noexcept;

 private:
  std::atomic<std::uint32_t> value_{0};
  std::atomic<std::uint32_t> waiting_{0};  // spares advance() the system call while nobody waits
};

}  // namespace moult
