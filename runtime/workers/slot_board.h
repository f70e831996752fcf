#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "runtime/base/time.h"
#include "runtime/dispatch/types.h"
#include "runtime/kafka/held_records.h"
#include "runtime/kafka/partition_source.h"

namespace moult {

/// Where an intake leaves the records of its partition for the lanes of its slots. Thread-safe;
/// bounded by what its intake may take in.
class SlotBoard {
 public:
  explicit SlotBoard(std::size_t slots) : slots_(slots) {}

  std::size_t slots() const { return slots_.size(); }

  /// Moves the first record of `from` into a slot. Where nobody took any for long, because a record
  /// of it fails or takes its time, they are kept in memory of their own.
  void put(SlotIndex slot, kafka::HeldRecords& from, TimePoint now);
  kafka::PartitionSource::Pull take(SlotIndex slot, std::uint32_t limit, Offset below,
                                    kafka::HeldRecords& into);

  std::int64_t high_watermark() const { return high_watermark_; }
  void set_high_watermark(std::int64_t offset) { high_watermark_ = offset; }

 private:
  struct Slot {
    std::mutex mutex;
    kafka::HeldRecords records;  // guarded by mutex
    TimePoint waiting_since{};   // guarded by mutex: for somebody to take them
    std::size_t owned = 0;       // guarded by mutex: of the records, from the first, at least
  };

  std::vector<Slot> slots_;  // as many as at the start
  std::atomic<std::int64_t> high_watermark_{-1};
};

}  // namespace moult
