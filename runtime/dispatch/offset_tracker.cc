#include "runtime/dispatch/offset_tracker.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace moult {

void OffsetTracker::received(OffsetRange range) {
  MOULT_CHECK(!range.empty(), "an empty range was received");
  MOULT_CHECK(!next_ || range.begin >= *next_, "records went back in their partition");
  next_ = range.end;
  unfinished_.push_back(range);
}

void OffsetTracker::finished(OffsetRange range) {
  if (range.empty()) return;
  MOULT_CHECK(next_ && range.end <= *next_, "finished what was never received");
  auto at = std::find_if(unfinished_.begin(), unfinished_.end(),
                         [&](const OffsetRange& open) { return open.end > range.begin; });
  while (at != unfinished_.end() && at->begin < range.end) {
    const OffsetRange before{at->begin, std::max(at->begin, range.begin)};
    const OffsetRange after{std::min(at->end, range.end), at->end};
    at = unfinished_.erase(at);
    if (!after.empty()) at = unfinished_.insert(at, after);
    if (!before.empty()) at = unfinished_.insert(at, before) + 1;
    if (!after.empty()) break;
  }
}

void OffsetTracker::advance_to(Offset position) {
  if (!next_ || position > *next_) next_ = position;
}

std::optional<Offset> OffsetTracker::watermark() const {
  if (!unfinished_.empty()) return unfinished_.front().begin;
  return next_;
}

}  // namespace moult
