#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "runtime/base/time.h"
#include "runtime/dispatch/dispatcher.h"
#include "tests/sim/partition.h"

namespace moult::sim {

/// What a partition queue holds: a record, or the mark that the partition ends here.
struct QueueItem {
  Offset offset = 0;
  std::optional<RecordId> record;
  std::uint32_t incarnation = 0;
};

/// librdkafka's queue of one partition. It outlives assignments; its event goes to the lane that
/// attached last.
struct PartitionQueue {
  std::deque<QueueItem> items;
  std::optional<LaneId> attached;
  bool fetching = false;
  bool pumping = false;  // a fetch is scheduled
  Offset position = 0;
  std::optional<Offset> end_told;
};

/// Where an intake leaves records for the lanes of its slots.
using SlotBoard = std::vector<std::deque<Record>>;

enum class Owed { kNothing, kCreate, kTurn, kSwap, kEnd };

/// How a handler's lanes are to go over, as the checks see it.
struct HandoverModel {
  explicit HandoverModel(const HandlerPolicy& its_policy) : policy(its_policy) {}

  HandlerPolicy policy;
  GenerationNumber active{1};
  std::optional<GenerationNumber> prepared;
  std::size_t canary = 0;  // how many lanes are to try it; 0: none
  std::set<LaneId> tried;  // those that do, or did before they ended
  bool under_way = false;  // until its end was told
  bool refused = false;    // by one of the lanes
  Duration worst_pause{0};
  Duration total_pause{0};
  std::optional<HandoverProgress> told;  // last

  HandoverProgress::Phase phase() const {
    using Phase = HandoverProgress::Phase;
    return !prepared ? Phase::kActive : canary > 0 ? Phase::kCanary : Phase::kPrepared;
  }
  GenerationNumber wanted() const { return prepared.value_or(active); }
};

/// One lane, as the poller, the workers and the checks see it.
struct LaneModel {
  LaneId id{};
  LaneId source{};  // itself, or the intake whose slot it is
  std::size_t partition = 0;
  HandlerIndex handler{};
  std::shared_ptr<SlotBoard> board;  // of an intake and its slots
  std::size_t slot = 0;

  bool is_slot() const { return source != id; }
  bool is_intake() const { return board && !is_slot(); }

  // The dispatcher's word for its instance, or for the one that it will have.
  GenerationNumber generation{};
  Standby standby;
  bool took_standby_along = false;  // when it ended

  // Shared.
  bool cancelled = false;
  bool evicted = false;  // the broker gave the partition to someone else already

  // The worker's side.
  bool has_instance = false;
  std::deque<Record> held;
  std::optional<TimePoint> gathering_since;
  Offset position = 0;            // one past what was pulled
  std::uint32_t incarnation = 0;  // of what was pulled
  std::optional<Offset> failing;
  std::uint32_t failures = 0;
  RunTurn turn;  // what it was asked for
  std::optional<TimePoint> batch_since;
  bool went_back = false;           // an intake's next record is of a log that begins again
  std::map<Offset, bool> verdicts;  // held records that no handler need see; true: settled
  std::optional<RecordId> last_finished;

  // What the poller asked for and was told.
  Owed owed = Owed::kNothing;
  bool closing = false;
  bool started = false;    // was given anything
  bool stopped = false;    // gave up
  bool held_back = false;  // its turn is to begin no batch
  bool overdue = false;
  TimePoint asked_at{};     // for what it owes
  Duration deadline{0};     // its handler's, when its turn began
  TimePoint deadline_at{};  // when somebody is to look at its batch
  bool ended = false;
  std::optional<TimePoint> over_since;  // ended or cancelled
  bool released = false;                // its partition was unassigned
  bool signalled = false;               // its queue is not empty, and no turn was run since
  std::uint32_t create_failures = 0;
  std::optional<TimePoint> not_before;  // backoff
  std::optional<TimePoint> due;         // backoff, linger
  struct Waiting {
    bool stopped = false;
    std::optional<TimePoint> not_before;
    std::optional<TimePoint> due;
  };
  Waiting before_swap;
  std::uint32_t told_incarnation = 0;
  bool disturbed = false;  // its log was cut while it was open
  Offset checked_to = 0;   // commits up to here were checked
  std::optional<Offset> last_offset;
  // Of an intake: what was told of its records.
  std::set<Offset> unfinished;
  std::deque<Offset> past_watermark;  // finished or not
  bool begins_again = false;          // the turn that it was given, with the next log's records
  Offset received_to = 0;
  Offset finished_to = 0;
  std::map<CommitId, Offset> commits;
  std::set<CommitId> unanswered;  // of these
  TimePoint last_commit_at{};
  bool last_commit_answered = true;
  bool last_commit_ok = true;
};

}  // namespace moult::sim
