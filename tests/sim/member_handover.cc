// How a member's lanes go over to other generations, and the rules that holds to.

#include <algorithm>

#include "tests/sim/member.h"

namespace moult::sim {

// ---- The reloads --------------------------------------------------------------------------------

void Member::prepare(HandlerIndex handler, GenerationNumber generation) {
  post(Prepare{handler, generation});
}
void Member::canary(const Canary& event) { post(event); }
void Member::activate(const Activate& event) { post(event); }
void Member::discard(HandlerIndex handler) { post(Discard{handler}); }

const HandoverModel& Member::handover(HandlerIndex handler) const {
  return handovers_[static_cast<std::size_t>(handler)];
}

HandoverModel& Member::handover_of(const LaneModel& lane) {
  return handovers_[static_cast<std::size_t>(lane.handler)];
}

HandoverModel& Member::begin_handover(HandlerIndex handler) {
  HandoverModel& handover = handovers_[static_cast<std::size_t>(handler)];
  handover.under_way = true;
  handover.refused = false;
  handover.worst_pause = handover.total_pause = Duration{0};
  handover.told.reset();
  handover.canary = 0;
  handover.tried.clear();
  for (auto& [id, lane] : lanes_) {
    const bool failed = lane.standby.state == Standby::State::kFailed;
    if (lane.handler == handler && failed) lane.standby = {};
  }
  return handover;
}

void Member::hear(const Prepare& event) {
  world_.note("handler {}: prepare generation {}", static_cast<std::size_t>(event.handler),
              number(event.generation));
  begin_handover(event.handler).prepared = event.generation;
}

void Member::hear(const Canary& event) {
  world_.note("handler {}: canary, {} lanes, {} percent", static_cast<std::size_t>(event.handler),
              static_cast<std::int64_t>(event.lanes), event.percent);
  HandoverModel& handover = begin_handover(event.handler);
  std::size_t lanes = 0;
  for (const auto& [id, lane] : lanes_) {
    if (lane.handler == event.handler && !lane.closing && !lane.is_intake()) ++lanes;
  }
  while (handover.canary * 100 < lanes * event.percent) ++handover.canary;
  handover.canary = event.lanes > 0 ? event.lanes : std::max<std::size_t>(handover.canary, 1);
}

void Member::hear(const Activate& event) {
  world_.note("handler {}: activate generation {}", static_cast<std::size_t>(event.handler),
              number(event.generation));
  HandoverModel& handover = begin_handover(event.handler);
  handover.active = event.generation;
  handover.prepared.reset();
  const std::uint64_t max_ahead = handover.policy.max_ahead;
  handover.policy = event.policy;
  handover.policy.max_ahead = max_ahead;
}

void Member::hear(const Discard& event) {
  world_.note("handler {}: discard", static_cast<std::size_t>(event.handler));
  begin_handover(event.handler).prepared.reset();
}

// ---- The workers' answers -----------------------------------------------------------------------

/// A lane that is on its way out, or an instance that nobody wants any more, refuses nothing.
void Member::refuse(const LaneModel& lane) {
  HandoverModel& handover = handover_of(lane);
  if (!lane.closing && lane.standby.generation == handover.wanted()) handover.refused = true;
}

void Member::hear(const StandbyCreated& created) {
  world_.note("lane {}: standby created {}", number(created.lane), created.ok);
  --standbys_under_way_;
  const auto at = lanes_.find(created.lane);
  if (at == lanes_.end()) return;
  LaneModel& lane = at->second;
  lane.standby.state = created.ok ? Standby::State::kReady : Standby::State::kFailed;
  if (!created.ok) refuse(lane);
}

void Member::hear(const LaneSwapped& swapped) {
  world_.note("lane {}: swapped {}", number(swapped.lane), swapped.ok);
  LaneModel& lane = open_lane(swapped.lane);
  HandoverModel& handover = handover_of(lane);
  lane.owed = Owed::kNothing;
  lane.signalled = true;
  if (swapped.ok) {
    lane.generation = lane.standby.generation;
    lane.standby = {};
    lane.has_instance = true;
    lane.create_failures = lane.failures = 0;
    lane.failing.reset();
    const Duration pause = world_.schedule.now() - lane.asked_at;
    handover.worst_pause = std::max(handover.worst_pause, pause);
    handover.total_pause += pause;
    return;
  }
  lane.standby.state = Standby::State::kFailed;
  refuse(lane);
  if (!lane.has_instance) return expect_rerun(lane, lane.create_failures, Duration{0});
  // It waits on for what it waited for.
  const LaneModel::Waiting& before = lane.before_swap;
  lane.stopped = before.stopped;
  if (!before.not_before) return;
  const TimePoint now = world_.schedule.now();
  lane.not_before = before.not_before;
  lane.due = std::max(before.due.value_or(now), now);
}

// ---- Commands -----------------------------------------------------------------------------------

void Member::obey(const Retarget& command) {
  world_.note("  retarget lane {} to {}", number(command.lane), number(command.generation));
  LaneModel& lane = open_lane(command.lane);
  expect(!lane.has_instance && (lane.is_intake() || !lane.started),
         "a lane is retargeted that has an instance");
  expect(lane.owed == Owed::kNothing, "a lane is retargeted while a worker has it");
  expect(!lane.closing, "a lane is retargeted that ends");
  expect(command.generation != lane.generation, "a lane is retargeted for nothing");
  expect(command.generation == handover_of(lane).active, "a lane gets a generation not in use");
  lane.generation = command.generation;
}

void Member::obey(const CreateStandby& command) {
  world_.note("  create standby, lane {}, generation {}", number(command.lane),
              number(command.generation));
  LaneModel& lane = open_lane(command.lane);
  expect(lane.standby.state == Standby::State::kNone ||
             (lane.standby.state == Standby::State::kFailed &&
              lane.standby.generation != command.generation),
         "a lane gets a second standby");
  expect(!lane.is_intake() && lane.started, "a lane gets a standby before an instance");
  expect(lane.owed != Owed::kSwap, "a lane gets a standby while it goes over");
  expect(!lane.closing, "a standby is made for a lane that ends");
  expect(command.generation == handover_of(lane).wanted(), "a standby that nobody wants");
  expect(command.generation != lane.generation, "a standby of the lane's own generation");
  lane.standby = {Standby::State::kCreating, command.generation};
  ++standbys_under_way_;
  workers_.create_standby(lane);
}

void Member::obey(const DropStandby& command) {
  world_.note("  drop standby, lane {}", number(command.lane));
  LaneModel& lane = open_lane(command.lane);
  expect(lane.standby.state == Standby::State::kReady, "a standby is dropped that is not there");
  expect(lane.owed != Owed::kSwap, "a standby is dropped while its lane goes over to it");
  expect(!lane.closing, "a lane on its way out takes its standby along");
  expect(lane.standby.generation != handover_of(lane).wanted(), "a wanted standby is dropped");
  lane.standby = {};
}

void Member::obey(const SwapLane& command) {
  world_.note("  swap lane {}", number(command.lane));
  LaneModel& lane = open_lane(command.lane);
  HandoverModel& handover = handover_of(lane);
  expect(lane.standby.state == Standby::State::kReady, "a lane goes over to nothing");
  if (handover.prepared) {
    expect(wants_canary(lane), "a lane goes over to what is not active");
    handover.tried.insert(lane.id);
  }
  expect(lane.standby.generation == handover.wanted(), "a lane goes over to what is not active");
  expect(!lane.closing, "a lane goes over that ends");
  lane.before_swap = {lane.stopped, lane.not_before, lane.due};
  give(lane, Owed::kSwap);
  lane.stopped = false;
}

// ---- Progress -----------------------------------------------------------------------------------

/// The lanes that try what is prepared.
std::vector<LaneId> Member::canaries(HandlerIndex handler) const {
  std::vector<LaneId> ids;
  for (const LaneId id : this->handover(handler).tried) {
    const auto at = lanes_.find(id);
    if (at != lanes_.end() && !at->second.closing) ids.push_back(id);
  }
  return ids;
}

/// Whether a lane is to try what is prepared when it has something to do.
bool Member::wants_canary(const LaneModel& lane) const {
  const HandoverModel& model = handover(lane.handler);
  return model.phase() == HandoverProgress::Phase::kCanary && !model.tried.contains(lane.id) &&
         canaries(lane.handler).size() < model.canary && !lane.is_intake() && !lane.closing &&
         lane.standby.state == Standby::State::kReady;
}

bool Member::is_there(const LaneModel& lane, const HandoverModel& handover) {
  if (lane.owed == Owed::kSwap) return false;
  if (lane.generation == handover.wanted()) return true;
  if (handover.phase() != HandoverProgress::Phase::kPrepared) return false;
  const bool ready =
      lane.standby.state == Standby::State::kReady && lane.standby.generation == handover.wanted();
  return lane.is_intake() || !lane.started || ready;
}

/// As it ought to be told, but for the words of a refusal and the names of the lanes.
HandoverProgress Member::progress_of(HandlerIndex handler) const {
  const HandoverModel& model = handover(handler);
  HandoverProgress progress;
  progress.handler = handler;
  progress.generation = model.wanted();
  progress.phase = model.phase();
  progress.worst_pause = model.worst_pause;
  progress.total_pause = model.total_pause;
  const bool canary = progress.phase == HandoverProgress::Phase::kCanary;
  const std::vector<LaneId> chosen = canaries(handler);
  for (const auto& [id, lane] : lanes_) {
    if (lane.handler != handler || lane.closing) continue;
    if (canary && std::ranges::count(chosen, id) == 0) continue;
    ++progress.lanes;
    if (is_there(lane, model)) ++progress.there;
  }
  return progress;
}

void Member::obey(const HandoverProgress& progress) {
  world_.note("  handover of handler {}: {} of {} lanes",
              static_cast<std::size_t>(progress.handler), static_cast<std::int64_t>(progress.there),
              static_cast<std::int64_t>(progress.lanes));
  HandoverModel& handover = handovers_[static_cast<std::size_t>(progress.handler)];
  expect(handover.under_way, "progress is told of no handover");
  expect(handover.told != progress, "the same progress is told twice");
  expect(progress.refused.has_value() == handover.refused, "a refusal is told wrong");
  expect(progress.lagging.empty() == progress.complete(), "who lags is told wrong");
  HandoverProgress numbers = progress;
  numbers.refused.reset();
  numbers.lagging.clear();
  expect(numbers == progress_of(progress.handler), "the progress is told wrong");
  handover.told = progress;
  handover.under_way = !progress.activated() || !progress.complete();
}

// ---- Rules --------------------------------------------------------------------------------------

/// No batch begins on a generation that the lane can leave, or has left.
void Member::check_generation(const LaneModel& lane, const RunTurn& turn) {
  const HandoverModel& handover = handover_of(lane);
  expect(dispatcher_.lane(lane.id).generation == lane.generation,
         "a lane does not have the generation that it is taken to have");
  expect(turn.drains || turn.attempt > 1 || !wants_canary(lane),
         "a turn begins on an old generation before its canary");
  if (turn.drains || lane.generation == handover.active) return;
  expect(handover.under_way, "a turn begins on an old generation after its handler went over");
  const bool ready =
      lane.standby.state == Standby::State::kReady && lane.standby.generation == handover.active;
  expect(!ready || handover.prepared, "a turn begins on an old generation, the new one is ready");
}

/// Of a lane that is free to go over: it goes, or its standby is on its way, or was refused. One
/// that has a turn begins no further batch when it can go.
void Member::check_handover(const LaneModel& lane) const {
  const HandoverModel& model = handover(lane.handler);
  if (lane.closing) return;
  if (lane.owed == Owed::kTurn && lane.standby.state == Standby::State::kReady) {
    const bool may_go = !model.prepared && lane.standby.generation == model.active;
    expect(!may_go || lane.held_back, "a turn that waits may begin on an old generation");
  }
  if (lane.owed != Owed::kNothing) return;
  if (lane.is_intake() || !lane.started) {
    expect(lane.generation == model.active, "a lane without an instance stays with an old one");
    return;
  }
  const Standby& standby = lane.standby;
  if (standby.state == Standby::State::kCreating) return;
  const bool fits = standby.generation == model.wanted();
  expect(standby.state != Standby::State::kReady || fits, "a standby is kept that nobody wants");
  if (lane.generation == model.wanted()) return;
  expect(standby.state != Standby::State::kNone && fits, "nobody makes a lane's standby");
  expect(standby.state == Standby::State::kFailed || model.prepared, "a lane stays for no reason");
}

void Member::check_handovers() const {
  for (const HandoverModel& model : handovers_) {
    const HandlerIndex handler{static_cast<std::uint32_t>(&model - handovers_.data())};
    const HandoverProgress now = progress_of(handler);
    if (!model.under_way) {
      expect(now.complete(), "a lane is left behind after its handler went over");
      continue;
    }
    expect(model.told.has_value(), "nothing is told of a handover");
    expect(model.told->lanes == now.lanes && model.told->there == now.there &&
               model.told->refused.has_value() == model.refused,
           "the progress of a handover is not told");
  }
}

}  // namespace moult::sim
