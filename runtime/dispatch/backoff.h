#pragma once

#include <cstdint>

#include "runtime/base/time.h"

namespace moult {

/// How long a failing lane waits: doubled with each attempt, capped, with jitter in the upper half
/// so that lanes that failed together don't come back together.
class Backoff {
 public:
  Backoff(Duration first, Duration most, std::uint64_t seed)
      : first_(first), most_(most), random_(seed | 1) {}

  /// `attempt` counts from 1. The answer lies in [d/2, d] with d = min(first * 2^(attempt-1),
  /// most).
  Duration next(std::uint32_t attempt);

 private:
  std::uint64_t draw();

  // Constant after construction.
  Duration first_;
  Duration most_;

  std::uint64_t random_;  // xorshift state, never zero
};

}  // namespace moult
