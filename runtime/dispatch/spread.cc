// Partitions whose records are spread over slots.

#include <algorithm>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/dispatch/dispatcher.h"

namespace moult {

/// What an intake brought: its slots get lanes and turns.
void Dispatcher::take_in(Lane& intake, const TurnDone& event, TimePoint now) {
  Spread& spread = *intake.spread;
  if (event.received_records > 0) {
    spread.taken.records += event.received_records;
    spread.taken.bytes += event.received_bytes;
    spread.received_to = event.received.end;
    spread.turns.emplace_back(event.received.end, spread.taken);
  }
  const bool began_again = std::exchange(spread.went_back, event.went_back);
  if (intake.closing) return;
  for (const SlotFill& fill : event.fills) {
    Lane& lane = slot_lane(intake, fill.slot);
    lane.ready = true;
    run_if_ready(lane, now);
  }
  if (!began_again) return;
  for (const auto& [slot, id] : spread.slots) run_if_ready(find(id), now);
}

Lane& Dispatcher::slot_lane(Lane& intake, SlotIndex slot) {
  const auto [at, is_new] = intake.spread->slots.try_emplace(slot, LaneId{last_lane_ + 1});
  if (!is_new) return find(at->second);
  const LaneId id{++last_lane_};
  Lane& lane =
      *(lanes_[id] = std::make_unique<Lane>(id, intake.id, intake.partition, intake.handler,
                                            intake.epoch, handler_of(intake).active));
  commands_.push_back(OpenSlot{id, intake.id, slot, lane.generation});
  start(lane);
  return lane;
}

/// How many records more an intake may take, so that what finished out of order stays bounded.
std::uint64_t Dispatcher::room(Lane& intake) const {
  Spread& spread = *intake.spread;
  const HandlerPolicy& policy = policy_of(intake);
  // Offsets are about to mean other records: no slot may be at work under the old ones.
  if (spread.went_back && (!intake.tracker.all_finished() || slot_runs(spread))) return 0;
  const auto watermark = intake.tracker.watermark();
  while (!spread.turns.empty() && watermark >= spread.turns.front().first) {
    spread.settled = spread.turns.front().second;
    spread.turns.pop_front();
  }
  const std::uint64_t most_bytes = std::min(policy.max_ahead_bytes, most_ahead_bytes_);
  if (spread.taken.bytes - spread.settled.bytes >= most_bytes) return 0;
  const std::uint64_t ahead = spread.taken.records - spread.settled.records;
  return ahead < policy.max_ahead ? policy.max_ahead - ahead : 0;
}

bool Dispatcher::slot_runs(const Spread& spread) const {
  return std::ranges::any_of(spread.slots, [&](const auto& entry) {
    return lane(entry.second).state == LaneState::kRunning;
  });
}

/// What its turn brings is of a log that began again: a slot would take it for records of the one
/// before.
bool Dispatcher::takes_anew(const Lane& intake) {
  return intake.state == LaneState::kRunning && intake.spread->went_back &&
         intake.tracker.all_finished();
}

/// A source with its slots, if it has any.
void Dispatcher::append_family(const Lane& source, std::vector<LaneId>& lanes) {
  lanes.push_back(source.id);
  if (!source.spread) return;
  for (const auto& [slot, id] : source.spread->slots) lanes.push_back(id);
}

std::vector<LaneId> Dispatcher::assigned_lanes() const {
  std::vector<LaneId> lanes;
  for (const auto& [partition, id] : current_) append_family(lane(id), lanes);
  return lanes;
}

/// The lanes of a spread on its way out. Offsets finished past the watermark would be handled again
/// by whoever has the partition next, so the slots go on with what lies below them; then all end.
void Dispatcher::drain_spread(Lane& intake, TimePoint now) {
  bool busy = false;
  std::vector<LaneId> lanes;
  append_family(intake, lanes);
  for (const LaneId id : lanes) {
    Lane& lane = find(id);
    if (lane.is_slot() && holds_back_commit(intake, lane) && now < lane.close_deadline) {
      RunTurn turn{id, lane.failures + 1};
      turn.drains = true;
      turn.below = lane.drains_below = intake.spread->finished_to;
      run(lane, turn, now);
    }
    busy = busy || lane.busy();
  }
  if (busy) return;
  for (const LaneId id : lanes) {
    if (Lane& lane = find(id); lane.state != LaneState::kEnded) end(lane);
  }
}

/// Whether a slot may hold records below one that finished. One that fails or was stopped would not
/// let the watermark pass anyway. One whose handler is paused is let be: records that come again
/// are allowed for, a call that somebody forbade (its database may be down) is not.
bool Dispatcher::holds_back_commit(const Lane& intake, const Lane& slot) const {
  if (paused(slot.handler)) return false;
  const bool can_run = slot.state == LaneState::kIdle || slot.state == LaneState::kLingering;
  const Offset finished_to = intake.spread->finished_to;
  return can_run && slot.drained_below < finished_to && intake.tracker.watermark() < finished_to;
}

}  // namespace moult
