#include "tests/sim/partition.h"

#include <algorithm>

namespace moult::sim {

RecordId Ledger::add(std::uint32_t failures) {
  entries_.push_back({.failures_left = failures});
  return RecordId{entries_.size() - 1};
}

bool Ledger::fails(RecordId id) {
  if (at(id).failures_left == 0) return false;
  --at(id).failures_left;
  return true;
}

void Ledger::finish(RecordId id, bool excused) {
  Entry& record = at(id);
  if (excused) ++record.allowed;
  ++record.finishes;
  expect(record.finishes <= record.allowed, "a record was finished twice without a reason");
}

void Ledger::allow_repeat(RecordId id) { at(id).allowed = at(id).finishes + 1; }

bool Ledger::none_repeated() const {
  return std::ranges::all_of(entries_, [](const Entry& e) { return e.finishes <= 1; });
}

bool Ledger::all_settled() const {
  return std::ranges::all_of(entries_,
                             [](const Entry& e) { return e.finishes > 0 || e.forgotten; });
}

void Partition::truncate(Offset end, Ledger& ledger) {
  for (Offset offset = end; offset < this->end(); ++offset) {
    if (const auto id = at(offset)) ledger.forget(*id);
  }
  log_.resize(static_cast<std::size_t>(end));
  const bool fresh = committed_incarnation_ == incarnation_;
  ++incarnation_;
  if (fresh && committed_ && *committed_ <= end) committed_incarnation_ = incarnation_;
}

void Partition::commit(Offset offset, std::uint32_t incarnation) {
  committed_ = offset;
  committed_incarnation_ = incarnation;
}

Offset Partition::start_offset() const {
  // Out of range: the consumers' auto.offset.reset is `earliest`.
  return committed_ && *committed_ <= end() ? *committed_ : 0;
}

Offset Partition::take_over(Ledger& ledger) {
  const Offset start = start_offset();
  const bool stale = committed_ && committed_incarnation_ != incarnation_;
  for (Offset offset = 0; offset < end(); ++offset) {
    const auto id = at(offset);
    if (!id) continue;
    if (offset >= start) {
      if (excused_ || stale) ledger.allow_repeat(*id);
    } else if (stale) {
      ledger.forget(*id);  // the broker knows no better than this committed offset
    } else {
      expect(ledger.settled(*id), "a record below the committed offset was never finished");
    }
  }
  excused_ = false;
  return start;
}

}  // namespace moult::sim
