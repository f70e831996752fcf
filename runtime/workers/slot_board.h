#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

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

  /// Moves the first record of `from` into a slot.
  void put(SlotIndex slot, kafka::HeldRecords& from);
  kafka::PartitionSource::Pull take(SlotIndex slot, std::uint32_t limit, Offset below,
                                    kafka::HeldRecords& into);

  std::int64_t high_watermark() const { return high_watermark_; }
  void set_high_watermark(std::int64_t offset) { high_watermark_ = offset; }

 private:
  struct Slot {
    std::mutex mutex;
    kafka::HeldRecords records;  // guarded by mutex
  };

  std::vector<Slot> slots_;  // as many as at the start
  std::atomic<std::int64_t> high_watermark_{-1};
};

}  // namespace moult
