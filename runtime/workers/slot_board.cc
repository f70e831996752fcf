#include "runtime/workers/slot_board.h"

namespace moult {

void SlotBoard::put(SlotIndex slot, kafka::HeldRecords& from) {
  Slot& into = slots_[static_cast<std::size_t>(slot)];
  const std::lock_guard lock(into.mutex);
  into.records.compact();
  from.move_front_to(into.records);
}

kafka::PartitionSource::Pull SlotBoard::take(SlotIndex slot, std::uint32_t limit, Offset below,
                                             kafka::HeldRecords& into) {
  Slot& from = slots_[static_cast<std::size_t>(slot)];
  into.compact();
  kafka::PartitionSource::Pull result;
  const std::lock_guard lock(from.mutex);
  const auto more = [&] { return !from.records.empty() && from.records.offset(0) < below; };
  while (result.records < limit && more()) {
    from.records.move_front_to(into);
    ++result.records;
  }
  result.drained = !more();
  return result;
}

}  // namespace moult
