#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/base/time.h"
#include "runtime/dispatch/offset_tracker.h"
#include "runtime/dispatch/types.h"

namespace moult {

/// Where a lane stands. It goes one way round:
/// blocked → creating → idle ⇄ running ⇄ {lingering, backoff} → ending → ended.
enum class LaneState : std::uint8_t {
  kBlocked,    // an older lane of the same partition has not ended yet
  kCreating,   // a worker makes its instance
  kIdle,       // nothing to take
  kRunning,    // a worker has its turn
  kLingering,  // holds part of a batch, until `wake_at`
  kBackoff,    // something failed, holds its records until `wake_at`
  kEnding,     // a worker ends its instance
  kEnded,
};

std::string_view name_of(LaneState state);

/// An ordered sequence of batches of one partition in one assignment epoch. Owned by its
/// dispatcher, which alone moves it.
struct Lane {
  Lane(LaneId lane_id, TopicPartition its_partition, HandlerIndex its_handler, Epoch its_epoch)
      : id(lane_id), partition(std::move(its_partition)), handler(its_handler), epoch(its_epoch) {}

  // Constant after construction.
  const LaneId id;
  const TopicPartition partition;
  const HandlerIndex handler;
  const Epoch epoch;

  LaneState state = LaneState::kBlocked;
  OffsetTracker tracker;
  std::optional<Offset> sent;          // the last offset on its way to the broker, or there
  std::optional<Offset> acknowledged;  // what the broker has
  std::optional<Offset> finished_to;   // one past the last record that finished

  bool ready = false;  // its partition queue may hold records
  bool has_instance = false;
  bool detached = false;  // its partition is no longer ours: results are dropped
  std::optional<EndReason> closing;
  TimePoint close_deadline = kNever;
  TimePoint wake_at = kNever;  // lingering, backoff

  std::uint32_t failures = 0;  // in a row, of `failing_offset` or of making the instance
  std::optional<Offset> failing_offset;

  /// A worker owes an answer.
  bool busy() const {
    return state == LaneState::kCreating || state == LaneState::kRunning ||
           state == LaneState::kEnding;
  }

  /// The offset to commit when it is past what `known` (sent or acknowledged) says.
  std::optional<Offset> past(const std::optional<Offset>& known) const {
    const auto mark = tracker.watermark();
    return mark && (!known || *mark > *known) ? mark : std::nullopt;
  }

  /// Records were finished that the broker does not know of. A watermark that moved over the ends
  /// of the partition alone costs nobody anything.
  bool owes_commit() const { return finished_to > acknowledged; }
};

/// Whether a lane may go from one state to another.
bool may_follow(LaneState from, LaneState to);

}  // namespace moult
