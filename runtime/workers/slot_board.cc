#include "runtime/workers/slot_board.h"

namespace moult {

namespace {

constexpr Duration kLongWait = std::chrono::seconds(1);

}  // namespace

void SlotBoard::put(SlotIndex slot, kafka::HeldRecords& from, TimePoint now) {
  Slot& into = slots_[static_cast<std::size_t>(slot)];
  const std::lock_guard lock(into.mutex);
  into.records.compact();
  if (into.records.empty()) {
    into.waiting_since = now;
    into.owned = 0;
  }
  from.move_front_to(into.records);
  if (now - into.waiting_since < kLongWait) return;
  into.records.own(into.owned);
  into.owned = into.records.size();
}

kafka::PartitionSource::Pull SlotBoard::take(SlotIndex slot, std::uint32_t limit, Offset below,
                                             kafka::HeldRecords& into) {
  Slot& from = slots_[static_cast<std::size_t>(slot)];
  into.compact();
  kafka::PartitionSource::Pull result;
  const std::lock_guard lock(from.mutex);
  from.waiting_since = Clock::now();
  from.owned = 0;
  const auto more = [&] { return !from.records.empty() && from.records.offset(0) < below; };
  while (result.records < limit && more()) {
    result.bytes += from.records.bytes(0);
    from.records.move_front_to(into);
    ++result.records;
  }
  result.drained = !more();
  return result;
}

}  // namespace moult
