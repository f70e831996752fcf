#pragma once

#include <map>
#include <optional>

#include "runtime/dispatch/types.h"

namespace moult {

/// Knows which received offsets of one partition are unfinished, and so the watermark: the offset
/// to commit, below which everything is finished. Gaps are normal. The number of ranges is bounded
/// by the number of records received and not below the watermark; all calls cost its logarithm.
class OffsetTracker {
 public:
  /// Records arrive in order: `range.begin` is at or past everything received before.
  void received(OffsetRange range);

  /// Any part of what was received, in any order, each offset once.
  void finished(OffsetRange range);

  /// The partition continues at `position`: nothing that was not received lies below it.
  void advance_to(Offset position);

  /// Nothing until something was received. Never goes back.
  std::optional<Offset> watermark() const;

  /// Whether a range begins below what was received before: the partition went back.
  bool precedes(OffsetRange range) const { return next_ && range.begin < *next_; }

  bool all_finished() const { return unfinished_.empty(); }

 private:
  std::optional<Offset> next_;           // one past the last offset received
  std::map<Offset, Offset> unfinished_;  // ranges by their begin; disjoint, none empty
};

}  // namespace moult
