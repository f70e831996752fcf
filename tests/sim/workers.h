#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <variant>

#include "tests/sim/lane_model.h"
#include "tests/sim/world.h"

namespace moult::sim {

/// What a worker tells the poller; a turn's report carries the incarnation of what was pulled.
struct TurnReport {
  TurnDone done;
  std::uint32_t incarnation = 0;
  std::vector<Offset> offsets;  // received by an intake
};
using WorkerReport =
    std::variant<InstanceCreated, TurnReport, StandbyCreated, LaneSwapped, LaneEnded>;

/// N slots that do one thing at a time for a lane, as the workers of a generation do: pull into the
/// records held, decide to linger, hand over the batch, tell what became of it.
class Workers {
 public:
  using Report = std::function<void(WorkerReport)>;

  Workers(World& world, std::map<std::size_t, PartitionQueue>& queues, Report report)
      : world_(world), queues_(queues), report_(std::move(report)) {}

  void post(LaneModel& lane);

  /// On workers of its own, whatever the lane does meanwhile.
  void create_standby(LaneModel& lane);

  /// A hung call may notice that its lane was cancelled.
  void cancelled(LaneModel& lane);

  /// The process died: some of the running batches got somewhere first.
  void crash();

 private:
  enum class Outcome { kDone, kDeadLetter };
  struct Turn {
    TurnReport report;
    std::vector<Outcome> outcomes;  // of the first records held
    bool fails = false;             // the one after them
    bool stops = false;             // and ends its lane
    bool full = false;              // more may be in the queue
    bool stepped_back = false;      // the next item is of a new incarnation of the log
  };
  struct Running {
    LaneModel* lane;
    Turn turn;
    std::uint64_t token;
  };

  void start_waiting();
  void start(LaneModel& lane);
  void create(LaneModel& lane);
  void swap(LaneModel& lane);
  void end(LaneModel& lane);
  void begin_turn(LaneModel& lane);
  void begin_intake(LaneModel& lane);
  void spread(LaneModel& lane, TurnReport& report, const QueueItem& item);
  void pull(LaneModel& lane, Turn& turn);
  void pull_slot(LaneModel& lane, Turn& turn);
  void take(LaneModel& lane, Turn& turn, const QueueItem& item);
  bool lingers(const LaneModel& lane, const Turn& turn) const;
  void hand_batch(LaneModel& lane, Turn turn);
  void judge_batch(LaneModel& lane, Turn& turn);
  bool judge_failure(const LaneModel& lane, Turn& turn);
  void judge_standing(LaneModel& lane, Turn& turn);
  void end_batch(LaneModel& lane);
  void deliver(LaneModel& lane, Turn turn);
  void resume(LaneModel& lane);
  void settle_deliveries(LaneModel& lane, Turn& turn);
  void end_turn(LaneModel& lane, Turn turn);
  void finish_prefix(LaneModel& lane, std::size_t count);
  void tell_finished(LaneModel& lane, TurnDone& done, std::size_t count);
  void fail(LaneModel& lane, TurnDone& done);
  void stop(LaneModel& lane, TurnDone& done);
  const HandlerSettings& handler_of(const LaneModel& lane) const;
  static std::pair<std::size_t, std::size_t> place_of(const LaneModel& lane);
  void reply_after(LaneModel& lane, Duration wait, WorkerReport report);
  void done(LaneModel& lane, WorkerReport report);
  Duration draw_batch_time();

  World& world_;
  std::map<std::size_t, PartitionQueue>& queues_;
  const Report report_;
  std::deque<LaneModel*> waiting_;
  std::size_t busy_slots_ = 0;
  std::map<std::pair<std::size_t, std::size_t>, LaneId> active_;  // by partition and slot
  std::map<LaneId, Running> running_;                             // batches in a handler
  std::map<LaneId, Turn> delivering_;                             // turns that wait for the broker
  std::uint64_t last_token_ = 0;
  // Scheduled things of a crashed process must not happen.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace moult::sim
