#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "runtime/dispatch/dispatcher.h"
#include "tests/sim/broker.h"
#include "tests/sim/workers.h"

namespace moult::sim {

/// What a member asks of its group.
struct GroupCalls {
  std::function<void(const std::vector<std::size_t>&)> unassigned;
  std::function<void(bool clean)> stopped;
};

/// One life of the process: a poller with its dispatcher, partition queues and workers. Does what
/// the dispatcher commands, in order, and checks each command against what really happened.
class Member {
 public:
  Member(World& world, Broker& broker, GroupCalls calls, std::uint64_t dispatcher_seed);

  // From the group, by way of the rebalance callback.
  void assigned(const std::vector<std::size_t>& partitions);
  void revoked(const std::vector<std::size_t>& partitions);
  void evicted(const std::vector<std::size_t>& partitions);  // not told yet
  void lost(const std::vector<std::size_t>& partitions);

  // From the reloads.
  void prepare(HandlerIndex handler, GenerationNumber generation);
  void canary(const Canary& event);
  void activate(const Activate& event);
  void discard(HandlerIndex handler);
  const HandoverModel& handover(HandlerIndex handler) const;
  void add(const AddHandler& event);
  bool has_lanes(HandlerIndex handler) const;

  void pause(HandlerIndex handler, bool paused);
  /// Of each handler that it has: whether it is paused.
  const std::map<HandlerIndex, bool>& pauses() const { return pauses_; }
  void quiet();
  void stop();
  /// By a crash, or by its end: nothing of it happens any more.
  void die();

  // From the world.
  void log_grew(std::size_t partition);
  void log_cut(std::size_t partition);

  const std::set<std::size_t>& owned() const { return owned_; }
  bool is_quiet() const { return quiet_; }
  bool stopping() const { return stopping_; }
  /// A lane gave up and waits for its partition to go.
  bool in_trouble() const { return dispatcher_.trouble().stopped > 0; }

  /// After the last partition was given back.
  void expect_all_closed() const;

 private:
  using Mail =
      std::variant<Ready, InstanceCreated, TurnReport, StandbyCreated, LaneSwapped, LaneEnded,
                   CommitDone, AddHandler, Prepare, Canary, Activate, Discard, Pause, Quiet, Stop>;

  void start_fetching(std::size_t partition);
  void stop_fetching(std::size_t partition);
  void pump(std::size_t partition);
  void pump_soon(std::size_t partition, Duration wait);
  bool fetch_one(std::size_t partition, PartitionQueue& queue);

  void post(Mail mail);
  void wake_at(TimePoint when);
  void wake();
  void handle(const Mail& mail);
  void settle();

  void hear(const Ready& ready);
  void hear(const InstanceCreated& created);
  void hear(const TurnReport& report);
  void hear(const LaneEnded& ended);
  void hear(const CommitDone& done);
  void hear(const AddHandler& event);
  void hear(const Prepare& event);
  void hear(const Canary& event);
  void hear(const Activate& event);
  void hear(const Discard& event);
  void hear(const StandbyCreated& created);
  void hear(const LaneSwapped& swapped);
  void hear(const Pause& event);
  void hear(const Quiet&);
  void hear(const Stop& stop);
  void expect_rerun(LaneModel& lane, std::uint32_t failures, Duration asked);

  void obey();
  void obey(const OpenLane& command);
  void obey(const OpenSlot& command);
  void obey(const CreateInstance& command);
  void obey(const RunTurn& command);
  void obey(const HoldBack& command);
  void obey(const Overdue& command);
  void obey(const CancelLane& command);
  void obey(const Retarget& command);
  void obey(const CreateStandby& command);
  void obey(const DropStandby& command);
  void obey(const SwapLane& command);
  void obey(const HandoverProgress& progress);
  void obey(const EndLane& command);
  void obey(const CloseLane& command);
  void obey(const Commit& command);
  void obey(const Unassign& command);
  void obey(const Stopped& command);

  LaneModel& open_lane(LaneId id);
  LaneModel& source_of(const LaneModel& lane) { return open_lane(lane.source); }
  LaneModel* lane_of(std::size_t partition);
  std::vector<LaneModel*> lanes_of(std::size_t partition);
  const HandlerPolicy& policy_of(const LaneModel& lane) const;
  TimePoint drain_deadline(const LaneModel& lane) const;
  void hear_intake(LaneModel& intake, const TurnReport& report);
  void hear_finished(LaneModel& lane, const TurnDone& done);
  bool slot_runs(const LaneModel& intake) const;
  static bool takes_anew(const LaneModel& intake);
  void check_intake_turn(const LaneModel& intake, const RunTurn& turn) const;
  void check_drain_turn(LaneModel& slot, const RunTurn& turn);
  void check_left_behind(const LaneModel& slot);
  void give(LaneModel& lane, Owed task);
  void check_offset(LaneModel& lane, Offset offset);
  void check_release(LaneModel& lane);
  TimePoint commit_deadline(const LaneModel& lane) const;
  void check_wait_for_commit(const LaneModel& lane) const;
  void check_committed(const LaneModel& lane);
  void check_due(const LaneModel& lane) const;
  void check_bounds() const;
  void check_handlers() const;
  HandoverModel& handover_of(const LaneModel& lane);
  HandoverModel& begin_handover(HandlerIndex handler);
  void refuse(const LaneModel& lane);
  void check_generation(const LaneModel& lane, const RunTurn& turn);
  std::vector<LaneId> canaries(HandlerIndex handler) const;
  bool wants_canary(const LaneModel& lane) const;
  void check_handover(const LaneModel& lane) const;
  void check_handovers() const;
  static bool is_there(const LaneModel& lane, const HandoverModel& handover);
  HandoverProgress progress_of(HandlerIndex handler) const;
  void check_trouble(TimePoint next_tick) const;
  bool has_elder(const LaneModel& lane) const;
  void close_all(const std::vector<std::size_t>& partitions, EndReason reason);

  class NullSink final : public LogSink {
   public:
    bool enabled(Component, Severity) const noexcept override { return false; }
    void write(Component, Severity, std::string_view, std::span<const Field>) noexcept override {}
  };

  World& world_;
  Broker& broker_;
  const GroupCalls calls_;
  NullSink sink_;
  Dispatcher dispatcher_;
  std::map<std::size_t, PartitionQueue> queues_;
  Workers workers_;

  std::vector<HandoverModel> handovers_;  // by HandlerIndex
  std::map<HandlerIndex, bool> pauses_;   // of those that the dispatcher has
  std::map<LaneId, LaneModel> lanes_;     // closed ones are taken out
  std::map<LaneId, LaneModel> graves_;
  std::set<std::size_t> owned_;
  std::set<std::size_t> opening_;  // assigned, their lanes not opened yet
  std::map<std::size_t, EndReason> reasons_;
  std::optional<TimePoint> revoke_deadline_;  // of the release under way
  std::optional<TimePoint> unassign_due_;
  std::set<std::size_t> releasing_;
  bool losing_ = false;
  std::optional<TimePoint> stop_deadline_;
  TimePoint stop_commit_deadline_ = kNever;
  bool stopped_ = false;
  bool quiet_ = false;
  bool stopping_ = false;
  std::size_t commits_under_way_ = 0;  // or their answers
  std::size_t standbys_under_way_ = 0;

  std::vector<Mail> mail_;
  TimePoint next_wake_ = kNever;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace moult::sim
