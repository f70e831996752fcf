#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/base/time.h"

namespace moult {

/// What a handler has done, since its start; written by workers, read by anyone.
struct HandlerCounters {
  std::atomic<std::uint64_t> records{0};  // finished, whatever became of them
  std::atomic<std::uint64_t> batches{0};
  std::atomic<std::uint64_t> failures{0};
  std::atomic<std::uint64_t> dead_letters{0};  // acknowledged
  std::atomic<std::uint64_t> skipped{0};       // given up without a dead letter
  std::atomic<std::uint64_t> filtered{0};      // finished unseen
  std::atomic<std::uint64_t> produced{0};      // by the handler, acknowledged
  std::atomic<std::uint64_t> undelivered{0};   // by the handler, given up
  std::atomic<std::uint64_t> lanes{0};         // opened
  std::atomic<Clock::rep> first_batch_at{0};   // 0: none yet
  std::atomic<Clock::rep> last_batch_at{0};

  void count_batch(TimePoint started, TimePoint ended);
};

}  // namespace moult
