#include "runtime/dispatch/offset_tracker.h"

#include <iterator>

#include "runtime/base/check.h"

namespace moult {

void OffsetTracker::received(OffsetRange range) {
  MOULT_CHECK(!range.empty(), "an empty range was received");
  MOULT_CHECK(!next_ || range.begin >= *next_, "records went back in their partition");
  next_ = range.end;
  unfinished_.emplace_hint(unfinished_.end(), range.begin, range.end);
}

void OffsetTracker::finished(OffsetRange range) {
  if (range.empty()) return;
  MOULT_CHECK(next_ && range.end <= *next_, "finished what was never received");
  auto at = unfinished_.upper_bound(range.begin);
  if (at != unfinished_.begin() && std::prev(at)->second > range.begin) --at;
  while (at != unfinished_.end() && at->first < range.end) {
    const OffsetRange open{at->first, at->second};
    at = unfinished_.erase(at);
    if (open.begin < range.begin) unfinished_.emplace_hint(at, open.begin, range.begin);
    if (open.end > range.end) unfinished_.emplace_hint(at, range.end, open.end);
  }
}

void OffsetTracker::advance_to(Offset position) {
  if (!next_ || position > *next_) next_ = position;
}

std::optional<Offset> OffsetTracker::watermark() const {
  if (!unfinished_.empty()) return unfinished_.begin()->first;
  return next_;
}

}  // namespace moult
