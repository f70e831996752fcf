// How a handler's lanes go over from one generation to another.

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/dispatch/dispatcher.h"

namespace moult {
namespace {

// Enough to say where it hangs.
constexpr std::size_t kMostLagging = 16;

}  // namespace

void Dispatcher::on(const Prepare& event, TimePoint now) {
  HandlerState& handler = handler_at(event.handler);
  handler.prepared = Prepared{event.generation, {}};
  begin_handover(event.handler, now);
}

void Dispatcher::on(const Canary& event, TimePoint now) {
  HandlerState& handler = handler_at(event.handler);
  if (!handler.prepared) return;
  const auto lanes = static_cast<std::size_t>(std::ranges::count_if(
      lanes_to_hand_over(event.handler), [this](LaneId id) { return !find(id).is_intake(); }));
  const std::size_t share = std::max<std::size_t>((lanes * event.percent + 99) / 100, 1);
  handler.prepared->canary = {event.lanes > 0 ? event.lanes : share, {}};
  begin_handover(event.handler, now);
}

void Dispatcher::on(const Activate& event, TimePoint now) {
  HandlerState& handler = handler_at(event.handler);
  handler.active = event.generation;
  handler.prepared.reset();
  const HandlerPolicy before = std::exchange(handler.policy, event.policy);
  handler.policy.max_ahead = before.max_ahead;
  handler.backoff = make_backoff(handler.policy);
  begin_handover(event.handler, now);
}

void Dispatcher::on(const Discard& event, TimePoint now) {
  HandlerState& handler = handler_at(event.handler);
  handler.prepared.reset();
  begin_handover(event.handler, now);
}

void Dispatcher::begin_handover(HandlerIndex index, TimePoint now) {
  HandlerState& handler = handler_at(index);
  handler.handing_over = true;
  handler.handover = handler.told = {};
  for (const LaneId id : lanes_to_hand_over(index)) {
    Lane& lane = find(id);
    if (lane.standby.state == Standby::State::kFailed) lane.standby = {};
    hand_over(lane, now);
  }
}

/// Brings a lane one step nearer to the generation that its handler wants. The instance is made
/// before the lane goes over, so that all it waits for then is the exchange.
void Dispatcher::hand_over(Lane& lane, TimePoint now) {
  const HandlerState& handler = handler_of(lane);
  Standby& standby = lane.standby;
  const bool ends = lane.closing || lane.detached || lane.state == LaneState::kEnded;
  if (ends || standby.state == Standby::State::kCreating) return;
  if (lane.state == LaneState::kSwapping) return;  // the standby is the exchange's
  if (lane.is_intake() || lane.state == LaneState::kBlocked) return retarget(lane);
  const GenerationNumber wanted = handler.wanted();
  if (standby.state != Standby::State::kNone && standby.generation != wanted) {
    if (standby.state == Standby::State::kReady) commands_.push_back(DropStandby{lane.id});
    standby = {};
  }
  if (lane.generation == wanted) return;
  if (standby.state == Standby::State::kNone) {
    standby = {Standby::State::kCreating, wanted};
    commands_.push_back(CreateStandby{lane.id, wanted});
  } else if (standby.state == Standby::State::kReady && !handler.prepared) {
    if (lane.busy()) return hold_back(lane);
    swap(lane, now);
  }
}

/// Of a lane without an instance.
void Dispatcher::retarget(Lane& lane) {
  const HandlerState& handler = handler_of(lane);
  if (lane.busy() || lane.generation == handler.active) return;
  lane.generation = handler.active;
  commands_.push_back(Retarget{lane.id, handler.active});
}

/// Whether a lane that is to begin a batch tries what was prepared with it.
bool Dispatcher::joins_canary(const Lane& lane) {
  CanaryLanes* canary = canary_of(lane);
  if (canary == nullptr || canary->lanes.size() >= canary->wanted) return false;
  if (lane.standby.state != Standby::State::kReady) return false;
  return canary->lanes.insert(lane.id).second;
}

/// On its way out. Another lane has its turn.
void Dispatcher::leave_canary(const Lane& lane) {
  if (CanaryLanes* canary = canary_of(lane)) canary->lanes.erase(lane.id);
}

Dispatcher::CanaryLanes* Dispatcher::canary_of(const Lane& lane) {
  HandlerState& handler = handler_of(lane);
  if (!handler.prepared || !handler.prepared->canary) return nullptr;
  return &*handler.prepared->canary;
}

void Dispatcher::swap(Lane& lane, TimePoint now) {
  lane.swapping_from = lane.state;
  lane.swapping_wake_at = lane.wake_at;
  stop_waiting(lane);
  move(lane, LaneState::kSwapping);
  lane.swapping_since = now;
  commands_.push_back(SwapLane{lane.id});
}

void Dispatcher::on(const StandbyCreated& event, TimePoint now) {
  const auto at = lanes_.find(event.lane);
  // Its lane may have ended meanwhile, and taken it along.
  if (at == lanes_.end()) return;
  Lane& lane = *at->second;
  lane.standby.state = event.ok ? Standby::State::kReady : Standby::State::kFailed;
  if (!event.ok) refuse_handover(lane, event.error);
  hand_over(lane, now);
}

void Dispatcher::on(const LaneSwapped& event, TimePoint now) {
  Lane& lane = find(event.lane);
  HandlerState& handler = handler_of(lane);
  if (event.ok) {
    lane.generation = lane.standby.generation;
    lane.standby = {};
    lane.has_instance = true;
    // What the last version could not do says nothing about this one.
    lane.failures = 0;
    lane.failing_offset.reset();
    const Duration pause = now - lane.swapping_since;
    handler.handover.worst_pause = std::max(handler.handover.worst_pause, pause);
    handler.handover.total_pause += pause;
  } else {
    lane.standby.state = Standby::State::kFailed;
    refuse_handover(lane, event.error);
  }
  if (lane.closing && ends_alone(lane)) {
    end(lane);
    return advance_releases(now);
  }
  if (!lane.has_instance) {
    back_off(lane, Duration{0}, now);
  } else if (!event.ok && lane.swapping_from == LaneState::kStopped) {
    move(lane, LaneState::kStopped);
    ++trouble_.stopped;
  } else if (!event.ok && lane.swapping_from == LaneState::kBackoff) {
    move(lane, LaneState::kBackoff);
    wake_at(lane, lane.swapping_wake_at == kNever ? now : lane.swapping_wake_at);
  } else {
    move(lane, LaneState::kIdle);
    lane.ready = true;  // it may hold records, and nobody knows of its queue
  }
  go_on(lane, now);
  if (lane.closing) drain_spread(source_of(lane), now);
}

void Dispatcher::refuse_handover(Lane& lane, const std::string& error) {
  HandlerState& handler = handler_of(lane);
  // A lane on its way out takes its standby along, made or not; and what an earlier handover asked
  // for says nothing about this one.
  if (lane.closing || lane.standby.generation != handler.wanted()) return;
  if (!handler.handover.refused) handler.handover.refused = error;
  log_.error("a lane could not go over to its handler's new generation",
             {{"topic", lane.partition.topic},
              {"partition", lane.partition.partition},
              {"epoch", lane.epoch},
              {"generation", static_cast<std::uint32_t>(lane.standby.generation)},
              {"error", error}});
}

HandoverProgress::Phase Dispatcher::HandlerState::phase() const {
  using Phase = HandoverProgress::Phase;
  return !prepared ? Phase::kActive : prepared->canary ? Phase::kCanary : Phase::kPrepared;
}

std::vector<LaneId> Dispatcher::lanes_to_hand_over(HandlerIndex index) const {
  std::vector<LaneId> lanes = assigned_lanes();
  std::erase_if(lanes, [&](LaneId id) {
    const Lane& its = lane(id);
    return its.handler != index || its.closing;
  });
  return lanes;
}

bool Dispatcher::is_there(const Lane& lane, const HandlerState& handler) {
  if (lane.state == LaneState::kSwapping) return false;  // its way may be the wrong one
  if (lane.generation == handler.wanted()) return true;
  if (handler.phase() != HandoverProgress::Phase::kPrepared) return false;
  const bool has_no_instance = lane.is_intake() || lane.state == LaneState::kBlocked;
  return has_no_instance || lane.standby.state == Standby::State::kReady;
}

HandoverProgress Dispatcher::progress_of(HandlerIndex index) {
  const HandlerState& handler = handler_at(index);
  HandoverProgress progress = handler.handover;
  progress.handler = index;
  progress.generation = handler.wanted();
  progress.phase = handler.phase();
  const bool canary = progress.phase == HandoverProgress::Phase::kCanary;
  const auto lanes = canary ? std::vector<LaneId>(handler.prepared->canary->lanes.begin(),
                                                  handler.prepared->canary->lanes.end())
                            : lanes_to_hand_over(index);
  for (const LaneId id : lanes) {
    const Lane& lane = find(id);
    ++progress.lanes;
    if (is_there(lane, handler)) {
      ++progress.there;
    } else if (progress.lagging.size() < kMostLagging) {
      progress.lagging.push_back(lane.partition);
    }
  }
  return progress;
}

/// Says each thing once.
void Dispatcher::report_handovers() {
  for (auto& [index, handler] : handlers_) {
    if (!handler.handing_over) continue;
    const HandoverProgress progress = progress_of(index);
    handler.handing_over = !(progress.activated() && progress.complete());
    if (handler.told == progress && handler.handing_over) continue;
    handler.told = progress;
    commands_.push_back(progress);
  }
}

}  // namespace moult
