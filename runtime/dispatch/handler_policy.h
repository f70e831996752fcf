#pragma once

#include <chrono>
#include <cstdint>

#include "runtime/base/time.h"

namespace moult {

/// What the dispatcher needs to know of a handler.
struct HandlerPolicy {
  Duration backoff{std::chrono::seconds(1)};
  Duration backoff_max{std::chrono::seconds(30)};
  /// A batch that runs longer is overdue; 0: none ever is.
  Duration deadline{0};
  /// Whether the daemon ends then.
  bool exit_on_deadline = false;
  /// How many records of a partition may be taken in past its watermark when they are spread over
  /// slots; 0: they are not spread, a partition is one lane.
  std::uint64_t max_ahead = 0;
  /// And how many bytes, give or take what one turn takes in.
  std::uint64_t max_ahead_bytes = 16ULL * 1024 * 1024;
};

}  // namespace moult
