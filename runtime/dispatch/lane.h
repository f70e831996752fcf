#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "runtime/base/time.h"
#include "runtime/dispatch/offset_tracker.h"
#include "runtime/dispatch/types.h"

namespace moult {

/// Where a lane stands. It goes one way round:
/// blocked → creating → idle ⇄ running ⇄ {lingering, backoff} → ending → ended.
/// An intake has no instance and skips creating. Where no batch runs a lane may go over to another
/// generation: {idle, lingering, backoff, stopped} → swapping → idle; refused, it waits on as
/// before.
enum class LaneState : std::uint8_t {
  kBlocked,    // an older lane of the same partition has not ended yet
  kCreating,   // a worker makes its instance
  kIdle,       // nothing to take
  kRunning,    // a worker has its turn
  kLingering,  // holds part of a batch, until `wake_at`
  kBackoff,    // something failed, holds its records until `wake_at`
  kStopped,    // gave up, holds its records until its partition goes or a new generation comes
  kSwapping,   // workers hand it over to another generation's instance
  kEnding,     // a worker ends its instance
  kEnded,
};

std::string_view name_of(LaneState state);

/// Where the records of a partition go when they are not all of one lane: its intake pulls them and
/// spreads them over slots, each a lane of its own. Offsets then finish in any order, and how far
/// they may run ahead of the watermark is bounded by the records taken in.
struct Spread {
  /// Finished ones past the watermark count too: each record that is held among them keeps the
  /// whole fetch that it came with in memory.
  struct Amount {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
  };

  std::map<SlotIndex, LaneId> slots;
  Amount taken;    // since the assignment
  Amount settled;  // of this, up to the last turn that lies below the watermark
  std::deque<std::pair<Offset, Amount>> turns;  // where each turn since ended, and `taken`
  Offset received_to = 0;                       // one past the last offset told of
  Offset finished_to = 0;                       // one past the highest offset that finished
  bool went_back = false;  // nothing may be taken in before everything is finished
};

/// An instance of the generation that a lane is to go over to.
struct Standby {
  enum class State : std::uint8_t { kNone, kCreating, kReady, kFailed };

  State state = State::kNone;
  GenerationNumber generation{};
};

/// An ordered sequence of batches of one partition in one assignment epoch: of all its records, or
/// of one slot's; or the intake that spreads them. Owned by its dispatcher, which alone moves it.
///
/// What concerns the whole partition (offsets, commits) stands in the lane that pulls it, its
/// `source`: the lane itself, or its intake.
struct Lane {
  Lane(LaneId lane_id, LaneId its_source, TopicPartition its_partition, HandlerIndex its_handler,
       Epoch its_epoch, GenerationNumber its_generation)
      : id(lane_id),
        source(its_source),
        partition(std::move(its_partition)),
        handler(its_handler),
        epoch(its_epoch),
        generation(its_generation) {}

  // Constant after construction.
  const LaneId id;
  const LaneId source;
  const TopicPartition partition;
  const HandlerIndex handler;
  const Epoch epoch;
  std::unique_ptr<Spread> spread;  // of an intake only

  LaneState state = LaneState::kBlocked;
  GenerationNumber generation;  // of its instance, now or once it has one
  Standby standby;
  TimePoint swapping_since{};
  LaneState swapping_from{};  // where a refused exchange leaves it
  TimePoint swapping_wake_at = kNever;
  OffsetTracker tracker;
  std::optional<Offset> sent;          // the last offset on its way to the broker, or there
  std::optional<Offset> acknowledged;  // what the broker has
  bool rewound = false;                // an earlier commit took the place of what was sent since
  std::optional<Offset> finished_to;   // where finished records brought the watermark
  // Where the log of a topic made anew is read from, until its records come: what is finished till
  // then is of the log before, and no offset of that may be committed.
  std::optional<Offset> again_from;
  bool old_turn = false;  // the turn under way began before, and may bring records of both

  bool ready = false;  // its partition queue may hold records
  bool has_instance = false;
  bool detached = false;   // its partition is no longer ours: results are dropped
  bool cancelled = false;  // it outstayed the deadline of its release
  bool overdue = false;    // its batch runs longer than its handler's deadline
  std::optional<EndReason> closing;
  TimePoint close_deadline = kNever;
  TimePoint wake_at = kNever;  // lingering, backoff

  std::uint32_t failures = 0;  // in a row, of `failing_offset` or of making the instance
  std::optional<Offset> failing_offset;

  Duration deadline{0};              // of a batch, as it was when the turn was given
  TimePoint turn_deadline = kNever;  // while running
  Offset drains_below = 0;           // of a slot on its way out: what its last turn was bounded by
  Offset drained_below = 0;          // of a slot on its way out: it holds nothing below

  bool is_intake() const { return spread != nullptr; }
  bool is_slot() const { return source != id; }

  /// A worker owes an answer.
  bool busy() const {
    return state == LaneState::kCreating || state == LaneState::kRunning ||
           state == LaneState::kSwapping || state == LaneState::kEnding;
  }

  /// Where its next owner is to begin.
  std::optional<Offset> resume_at() const { return again_from ? again_from : tracker.watermark(); }

  /// The offset to commit when it is past what `known` (sent or acknowledged) says. A log that is
  /// read again from its begin is past all that is known of the one before.
  std::optional<Offset> past(const std::optional<Offset>& known) const {
    if (again_from) return known != again_from ? again_from : std::nullopt;
    const auto mark = tracker.watermark();
    return mark && (!known || *mark > *known) ? mark : std::nullopt;
  }

  /// Records were finished that the broker does not know of. A watermark that moved over the ends
  /// of the partition alone costs nobody anything.
  bool owes_commit() const {
    return again_from ? acknowledged != again_from : finished_to > acknowledged;
  }
};

/// Whether a lane may go from one state to another.
bool may_follow(LaneState from, LaneState to);

}  // namespace moult
