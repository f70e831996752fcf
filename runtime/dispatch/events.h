#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/time.h"
#include "runtime/dispatch/handler_policy.h"
#include "runtime/dispatch/types.h"

namespace moult {

// What happens to a dispatcher.

struct AssignedPartition {
  TopicPartition partition;
  HandlerIndex handler;
};

/// The group gave us partitions.
struct Assigned {
  std::vector<AssignedPartition> partitions;
};

/// The group wants partitions back: they are ours until we unassign them.
struct Revoked {
  std::vector<TopicPartition> partitions;
};

/// Partitions are gone: someone else may be working on them already.
struct Lost {
  std::vector<TopicPartition> partitions;
};

/// The partition's topic was made anew and is read from `offset` on: from here on its queue brings
/// records of the new log alone, but for those of a turn under way.
struct BegunAgain {
  TopicPartition partition;
  Offset offset = 0;
};

/// A lane's partition queue went from empty to not empty.
struct Ready {
  LaneId lane;
};

struct InstanceCreated {
  LaneId lane;
  bool ok;
};

/// A record that its handler wants again.
struct Failure {
  Offset offset = 0;
  Duration retry_after{0};  // 0: the handler's configured backoff
  std::int32_t code = 0;
  std::string error;
};

/// Records that an intake put into one of its slots.
struct SlotFill {
  SlotIndex slot;
  std::uint32_t records = 0;
};

/// One turn of a lane on a worker ended.
struct TurnDone {
  enum class Next : std::uint8_t {
    kDrained,  // nothing is left to take; a Ready (of a slot: its intake's fill) will follow
    kMore,     // there is more to take at once
    kLinger,   // a batch is being gathered, until `linger_until`
    kFailed,   // `failure` says what; the lane holds its records and waits
    kStopped,  // `failure` says why; the lane holds its records for good
  };

  LaneId lane;
  Next next = Next::kDrained;
  OffsetRange received;                // pulled in this turn; empty when none were
  std::vector<OffsetRange> finished;   // of what was received, now or before
  std::optional<Offset> end;           // the partition's end, seen after everything received
  std::vector<SlotFill> fills;         // of an intake
  std::uint32_t received_records = 0;  // of an intake
  std::uint64_t received_bytes = 0;    // of an intake
  bool went_back = false;  // of an intake: the next records are of a partition made anew
  TimePoint linger_until{};
  Failure failure;
};

/// Answers Overdue: the lane's batch has not run so long; its turn waited for a worker, or had
/// others before.
struct BatchYounger {
  LaneId lane;
  Duration running_for{0};  // 0: no batch runs
};

struct LaneEnded {
  LaneId lane;
};

struct CommitDone {
  CommitId commit;
  bool ok;
  bool overtaken = false;  // refused for a rebalance, after which it may be taken
};

/// A handler without lanes: a new one, or one that comes again. Activate gives it a generation.
struct AddHandler {
  HandlerIndex handler;
  HandlerPolicy policy;
};

/// A generation is loaded that is to take over a handler's lanes: each gets an instance of it
/// beside its own.
struct Prepare {
  HandlerIndex handler;
  GenerationNumber generation;
};

/// Tries what was prepared on some lanes first: those that have a batch to begin first. Activate or
/// Discard ends it.
struct Canary {
  HandlerIndex handler;
  std::size_t lanes = 0;      // this many; 0: by percent
  std::uint32_t percent = 0;  // of those there are, at least one
};

/// The handler's lanes are this generation's from now on. Each goes over at its next batch
/// boundary; new ones begin with it.
struct Activate {
  HandlerIndex handler;
  GenerationNumber generation;
  HandlerPolicy policy;  // how records are spread stays as it was
};

/// What was prepared is not wanted.
struct Discard {
  HandlerIndex handler;
};

struct StandbyCreated {
  LaneId lane;
  bool ok;
  std::string error;
};

struct LaneSwapped {
  LaneId lane;
  bool ok;  // else the lane goes on with the instance that it had
  std::string error;
};

/// Somebody wants the handler's lanes, also those to come, to start no batch, or to go on. Their
/// partitions stay ours, and running batches end. A spread on its way out is not drained meanwhile.
struct Pause {
  HandlerIndex handler;
  bool paused;
};

/// Takes no further batch; membership and running batches go on.
struct Quiet {};

/// Ends every lane by `deadline`, commits, and then there is Stopped: when the broker has answered,
/// or by `commit_deadline`, which is never later than `deadline` plus the commit timeout.
struct Stop {
  TimePoint deadline;
  TimePoint commit_deadline = kNever;
};

// What a dispatcher wants done, in this order.

/// Attach to the partition's queue; comes before its partitions are assigned in librdkafka.
struct OpenLane {
  LaneId lane;
  HandlerIndex handler;
  TopicPartition partition;
  Epoch epoch;
  GenerationNumber generation;
};

/// A lane of its own for one slot of an intake; the intake may have put records there already.
struct OpenSlot {
  LaneId lane;
  LaneId intake;
  SlotIndex slot;
  GenerationNumber generation;
};

struct CreateInstance {
  LaneId lane;
};

/// Pull and handle one batch; of an intake: pull and spread over its slots.
struct RunTurn {
  LaneId lane;
  std::uint32_t attempt = 1;      // of the first record held, from 1
  Offset below = kNoOffsetLimit;  // of a slot: leave what lies at or past it
  bool drains = false;            // of a slot on its way out: gather no longer
  std::uint64_t room = 0;         // of an intake: how many records it may take
};

/// The turn that the lane was given waits for a worker, or is at work: it is to begin no batch any
/// more, and ends. The next one begins batches as ever.
struct HoldBack {
  LaneId lane;
};

/// The lane's turn was given longer ago than its handler's deadline. A batch that runs as long goes
/// on, and what it reports counts; else BatchYounger says how long it has run.
struct Overdue {
  LaneId lane;
  Duration deadline;
  bool exit = false;  // the daemon is to end
};

/// Raise the lane's cancel flag: nothing it still reports will be used.
struct CancelLane {
  LaneId lane;
};

/// The lane, which has no instance and no worker, belongs to another generation from now on.
struct Retarget {
  LaneId lane;
  GenerationNumber generation;
};

/// Make an instance of a later generation beside the lane's own; StandbyCreated answers.
struct CreateStandby {
  LaneId lane;
  GenerationNumber generation;
};

/// The standby, which was created, is not wanted.
struct DropStandby {
  LaneId lane;
};

/// No batch runs: hand the lane over from its instance to its standby; LaneSwapped answers.
struct SwapLane {
  LaneId lane;
};

/// How far a handler's lanes are on their way to another generation.
struct HandoverProgress {
  HandlerIndex handler;
  GenerationNumber generation;
  enum class Phase : std::uint8_t { kPrepared, kCanary, kActive };
  Phase phase = Phase::kPrepared;
  std::size_t lanes = 0;                // that are to go over; in a canary: that were chosen
  std::size_t there = 0;                // prepared, or gone over
  std::optional<std::string> refused;   // why the first lane could not
  std::vector<TopicPartition> lagging;  // of those not there
  Duration worst_pause{0};              // of one lane, in which it could take no batch
  Duration total_pause{0};              // of all lanes

  bool activated() const { return phase == Phase::kActive; }
  bool complete() const { return there == lanes; }
  friend bool operator==(const HandoverProgress&, const HandoverProgress&) = default;
};

/// revoked() and destroy on a worker, of a standby too; LaneEnded answers.
struct EndLane {
  LaneId lane;
  EndReason reason;
  TimePoint deadline;
};

/// Forget the lane: it ended, nothing refers to it any more.
struct CloseLane {
  LaneId lane;
};

struct CommitOffset {
  LaneId lane;
  TopicPartition partition;
  Offset offset;
};

struct Commit {
  CommitId commit;
  std::vector<CommitOffset> offsets;
};

/// Give the partitions back to the group.
struct Unassign {
  std::vector<TopicPartition> partitions;
};

/// After Stop: every lane ended, or `unfinished` did not by the deadline.
struct Stopped {
  std::vector<LaneId> unfinished;
};

}  // namespace moult
