#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/base/time.h"
#include "runtime/dispatch/backoff.h"
#include "runtime/dispatch/events.h"
#include "runtime/dispatch/handler_policy.h"
#include "runtime/dispatch/lane.h"

namespace moult {

using Command = std::variant<OpenLane, OpenSlot, CreateInstance, RunTurn, HoldBack, Overdue,
                             CancelLane, Retarget, CreateStandby, DropStandby, SwapLane,
                             HandoverProgress, EndLane, CloseLane, Commit, Unassign, Stopped>;

/// What keeps a consumer from being as good as it should.
struct Trouble {
  std::size_t stopped = 0;  // lanes that gave up
  std::size_t overdue = 0;  // lanes whose batch runs longer than its deadline

  friend bool operator==(const Trouble&, const Trouble&) = default;
};

struct DispatcherOptions {
  std::vector<HandlerPolicy> handlers;  // by HandlerIndex
  Duration commit_interval{std::chrono::seconds(1)};
  Duration revoke_deadline{std::chrono::seconds(10)};
  /// How long the last commit of a partition may keep it from being released.
  Duration commit_timeout{std::chrono::seconds(5)};
  std::uint64_t seed = 1;  // of the jitter
};

/// Decides everything about one consumer's lanes: who runs when, what is committed, when a
/// partition may be given back. Pure: events and the time go in, commands come out; no thread, no
/// I/O, no clock. Belongs to the poller thread of its consumer.
///
/// Invariants, checked by the simulation in tests/sim:
///  - a committed offset never passes an unfinished record;
///  - a partition has at most one turn running, across lanes and epochs; when it is spread, one for
///    each slot and one for its intake;
///  - how many records were taken in past a watermark is bounded;
///  - records of a lane run in order;
///  - a lane that went over to a generation starts no batch on the one before;
///  - a paused handler starts no batch, and goes on with all of its lanes when it is resumed;
///  - a release ends by its deadline plus the commit timeout.
class Dispatcher {
 public:
  Dispatcher(DispatcherOptions options, Logger log);

  void on(const Assigned& event, TimePoint now);
  void on(const Revoked& event, TimePoint now);
  void on(const Lost& event, TimePoint now);
  void on(const BegunAgain& event, TimePoint now);
  void on(const Ready& event, TimePoint now);
  void on(const InstanceCreated& event, TimePoint now);
  void on(const TurnDone& event, TimePoint now);
  void on(const BatchYounger& event, TimePoint now);
  void on(const LaneEnded& event, TimePoint now);
  void on(const CommitDone& event, TimePoint now);
  void on(const Pause& event, TimePoint now);
  void on(const AddHandler& event, TimePoint now);
  void on(const Prepare& event, TimePoint now);
  void on(const Canary& event, TimePoint now);
  void on(const Activate& event, TimePoint now);
  void on(const Discard& event, TimePoint now);
  void on(const StandbyCreated& event, TimePoint now);
  void on(const LaneSwapped& event, TimePoint now);
  void on(const Quiet& event, TimePoint now);
  void on(const Stop& event, TimePoint now);

  /// Of every partition that is spread over slots, whatever its handler's policy allows. Before the
  /// first assignment.
  void limit_ahead(std::uint64_t bytes) { most_ahead_bytes_ = bytes; }

  /// Does what is due by now.
  void tick(TimePoint now);

  /// When tick() next has something to do; kNever when an event must come first.
  TimePoint next_wakeup() const;

  /// What is to be done, oldest first.
  std::vector<Command> take_commands() { return std::exchange(commands_, {}); }

  /// The lane that pulls each partition, for status and dumps; detached ones are not among them.
  const std::map<TopicPartition, LaneId>& assignment() const { return current_; }
  const Lane& lane(LaneId id) const { return *lanes_.at(id); }
  /// The lanes of the assignment, each intake followed by its slots.
  std::vector<LaneId> assigned_lanes() const;
  bool paused(HandlerIndex handler) const;
  /// Also such as are on their way out.
  bool has_lanes(HandlerIndex handler) const;
  const Trouble& trouble() const { return trouble_; }
  Epoch epoch() const { return epoch_; }
  /// No worker owes an answer.
  bool at_rest() const;

 private:
  /// Partitions on their way out: drained, then committed, then released.
  struct Release {
    enum class Phase : std::uint8_t {
      kDraining,
      kQueued,  // until the commits before its own are answered, which might overtake it
      kCommitting,
      kDone
    };

    std::vector<LaneId> lanes;
    std::vector<TopicPartition> partitions;  // to unassign; none when it is the stop's
    bool stop = false;
    Phase phase = Phase::kDraining;
    TimePoint deadline;              // of the phase
    TimePoint commit_deadline;       // once drained
    std::set<CommitId> earlier;      // commits that might take the place of its own
    std::optional<CommitId> commit;  // under way in kCommitting
    TimePoint again_at = kNever;     // when one that a rebalance refused is sent again
  };

  /// Lanes that try what was prepared; they may be fewer than wanted, while not as many have
  /// anything to do.
  struct CanaryLanes {
    std::size_t wanted = 0;
    std::set<LaneId> lanes;
  };

  /// What a handler's lanes get standbys of.
  struct Prepared {
    GenerationNumber generation{};
    std::optional<CanaryLanes> canary;
  };

  /// A handler as its lanes have it now.
  struct HandlerState {
    HandlerState(const HandlerPolicy& its_policy, Backoff its_backoff)
        : policy(its_policy), backoff(its_backoff) {}

    HandlerPolicy policy;
    Backoff backoff;
    bool paused = false;
    GenerationNumber active{1};
    std::optional<Prepared> prepared;
    bool handing_over = false;  // until every lane is there
    HandoverProgress handover;  // what is not read from the lanes
    HandoverProgress told;      // last

    GenerationNumber wanted() const { return prepared ? prepared->generation : active; }
    HandoverProgress::Phase phase() const;
  };

  Lane& find(LaneId id);
  Lane& source_of(const Lane& lane) { return find(lane.source); }
  HandlerState& handler_of(const Lane& lane);
  HandlerState& handler_at(HandlerIndex index);
  const HandlerPolicy& policy_of(const Lane& lane) const;
  void move(Lane& lane, LaneState to);
  void wake_at(Lane& lane, TimePoint when);
  void stop_waiting(Lane& lane);

  void start_unless_held(Lane& lane);
  void start(Lane& lane);
  void go_on(Lane& lane, TimePoint now);
  bool held_back(const Lane& lane) const;
  void resume(Lane& lane, TimePoint now);
  void run_if_ready(Lane& lane, TimePoint now);
  void run(Lane& lane, TimePoint now);
  void run(Lane& lane, RunTurn turn, TimePoint now);
  void end_deadline(Lane& lane);
  void after_turn(Lane& lane, const TurnDone& event, TimePoint now);
  void record_progress(Lane& lane, const TurnDone& event);
  void restart_tracking(Lane& lane, Offset offset);
  void back_off(Lane& lane, Duration asked, TimePoint now);
  void give_up(Lane& lane, const Failure& failure);
  void record_failure(Lane& lane, const Failure& failure);
  void wake(Lane& lane, TimePoint now);

  Backoff make_backoff(const HandlerPolicy& policy);
  void begin_handover(HandlerIndex index, TimePoint now);
  void hand_over(Lane& lane, TimePoint now);
  void retarget(Lane& lane);
  bool joins_canary(const Lane& lane);
  void leave_canary(const Lane& lane);
  CanaryLanes* canary_of(const Lane& lane);
  void swap(Lane& lane, TimePoint now);
  void refuse_handover(Lane& lane, const std::string& error);
  std::vector<LaneId> lanes_to_hand_over(HandlerIndex index) const;
  static bool is_there(const Lane& lane, const HandlerState& handler);
  HandoverProgress progress_of(HandlerIndex index);
  void report_handovers();

  void take_in(Lane& intake, const TurnDone& event, TimePoint now);
  Lane& slot_lane(Lane& intake, SlotIndex slot);
  std::uint64_t room(Lane& intake) const;
  bool slot_runs(const Spread& spread) const;
  static bool takes_anew(const Lane& intake);
  static void append_family(const Lane& source, std::vector<LaneId>& lanes);
  void drain_spread(Lane& intake, TimePoint now);
  bool holds_back_commit(const Lane& intake, const Lane& slot) const;

  void hold_back(const Lane& lane);
  void close(Lane& lane, EndReason reason, TimePoint deadline);
  void end(Lane& lane);
  static bool ends_alone(const Lane& lane);
  void detach(Lane& lane);
  void forget(Lane& lane, TimePoint now);

  void begin_release(Release release, TimePoint now);
  void advance_releases(TimePoint now);
  void advance(Release& release, TimePoint now);
  bool waits_for_others(const Release& release) const;
  TimePoint drain_by(TimePoint deadline) const;
  TimePoint commit_by(TimePoint deadline) const;
  bool drained(const Release& release) const;
  bool is_open(LaneId id) const;
  std::vector<LaneId> busy_lanes() const;
  void hurry(Release& release, TimePoint now);
  void finish_drain(Release& release, TimePoint now);
  void send_commit(Release& release);
  void commit_again_if_rewound(Release& release);
  std::set<CommitId> earlier_commits(const Release& release) const;
  bool any_under_way(const std::set<CommitId>& commits) const;
  bool all_answered(const Release& release) const;
  void overtaken(CommitId commit, TimePoint now);
  void finish(Release& release);

  void commit_periodically(TimePoint now);
  enum class Known : std::uint8_t { kSent, kAcknowledged };
  std::optional<CommitId> commit(const std::vector<LaneId>& lanes, Known known);
  void give_up_waiting(CommitId id);
  void settle(CommitId id, bool ok);
  void commit_taken(const std::vector<CommitOffset>& offsets);
  void commit_failed(const std::vector<CommitOffset>& offsets);
  bool is_under_way(const Lane& lane) const;

  // Constant after construction.
  const DispatcherOptions options_;
  const Logger log_;

  Epoch epoch_ = 0;
  std::uint64_t last_lane_ = 0;
  std::uint64_t last_commit_ = 0;
  std::uint64_t last_seed_;
  std::map<HandlerIndex, HandlerState> handlers_;

  std::unordered_map<LaneId, std::unique_ptr<Lane>> lanes_;
  std::map<TopicPartition, LaneId> current_;          // assigned to us
  std::multimap<TopicPartition, LaneId> outstaying_;  // detached, not ended yet
  std::set<std::pair<TimePoint, LaneId>> timers_;     // lanes with a wake_at
  std::set<std::pair<TimePoint, LaneId>> deadlines_;  // lanes with a turn_deadline
  std::set<LaneId> dirty_;                            // lanes whose watermark moved
  std::map<CommitId, std::vector<CommitOffset>> in_flight_;
  std::map<CommitId, std::vector<CommitOffset>> late_;  // no longer waited for
  std::optional<CommitId> periodic_commit_;             // at most one under way
  TimePoint periodic_deadline_{};
  TimePoint next_commit_{};
  std::vector<Release> releases_;
  Trouble trouble_;
  std::uint64_t most_ahead_bytes_ = UINT64_MAX;
  bool quiet_ = false;
  std::optional<TimePoint> stop_deadline_;  // set once, by Stop
  TimePoint stop_commit_deadline_ = kNever;

  std::vector<Command> commands_;
};

}  // namespace moult
