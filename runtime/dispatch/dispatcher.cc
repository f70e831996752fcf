#include "runtime/dispatch/dispatcher.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "runtime/base/check.h"

namespace moult {

Dispatcher::Dispatcher(DispatcherOptions options, Logger log)
    : options_(std::move(options)), log_(log), last_seed_(options_.seed) {
  for (std::size_t i = 0; i < options_.handlers.size(); ++i) {
    const HandlerPolicy& policy = options_.handlers[i];
    handlers_.try_emplace(HandlerIndex{static_cast<std::uint32_t>(i)}, policy,
                          make_backoff(policy));
  }
}

void Dispatcher::on(const AddHandler& event, TimePoint) {
  MOULT_CHECK(!has_lanes(event.handler), "a handler that has lanes is not new");
  handlers_.erase(event.handler);
  const auto added = handlers_.try_emplace(event.handler, event.policy, make_backoff(event.policy));
  added.first->second.active = GenerationNumber{};
}

bool Dispatcher::has_lanes(HandlerIndex handler) const {
  return std::ranges::any_of(lanes_, [&](const auto& it) { return it.second->handler == handler; });
}

Backoff Dispatcher::make_backoff(const HandlerPolicy& policy) {
  return {policy.backoff, policy.backoff_max, last_seed_ += 0x9E3779B97F4A7C15};
}

// ---- Assignment ---------------------------------------------------------------------------------

void Dispatcher::on(const Assigned& event, TimePoint now) {
  ++epoch_;
  for (const AssignedPartition& assigned : event.partitions) {
    MOULT_CHECK(!current_.contains(assigned.partition), "a partition was assigned twice");
    const LaneId id{++last_lane_};
    const GenerationNumber generation = handler_at(assigned.handler).active;
    auto& lane = *(lanes_[id] = std::make_unique<Lane>(id, id, assigned.partition, assigned.handler,
                                                       epoch_, generation));
    if (policy_of(lane).max_ahead > 0) lane.spread = std::make_unique<Spread>();
    current_.emplace(assigned.partition, id);
    commands_.push_back(OpenLane{id, assigned.handler, assigned.partition, epoch_, generation});
    start_unless_held(lane);
  }
  advance_releases(now);
}

void Dispatcher::on(const Revoked& event, TimePoint now) {
  std::vector<LaneId> lanes;
  for (const TopicPartition& partition : event.partitions) {
    const auto at = current_.find(partition);
    if (at != current_.end()) append_family(find(at->second), lanes);
  }
  Release release;
  // A stop that is under way leaves them to this release, and waits for it.
  for (Release& other : releases_) {
    std::erase_if(other.lanes, [&](LaneId id) { return std::ranges::count(lanes, id) > 0; });
  }
  release.lanes = std::move(lanes);
  release.partitions = event.partitions;
  release.deadline = drain_by(now + options_.revoke_deadline);
  begin_release(std::move(release), now);
}

void Dispatcher::on(const Lost& event, TimePoint now) {
  for (const TopicPartition& partition : event.partitions) {
    const auto at = current_.find(partition);
    if (at == current_.end()) continue;
    std::vector<LaneId> lanes;
    append_family(find(at->second), lanes);
    for (const LaneId id : lanes) {
      Lane& lane = find(id);
      // Someone else may be working on it: whatever this lane still does is not to count.
      close(lane, EndReason::kLost, now);
      if (lane.state != LaneState::kEnded) commands_.push_back(CancelLane{id});
      detach(lane);
    }
  }
  for (Release& release : releases_) {
    if (release.phase != Release::Phase::kDraining) release.earlier = earlier_commits(release);
  }
  commands_.push_back(Unassign{event.partitions});
  advance_releases(now);
}

// ---- Lanes --------------------------------------------------------------------------------------

void Dispatcher::on(const Ready& event, TimePoint now) {
  const auto at = lanes_.find(event.lane);
  // A queue's last event may cross with the end of its lane.
  if (at == lanes_.end()) return;
  at->second->ready = true;
  run_if_ready(*at->second, now);
}

void Dispatcher::on(const InstanceCreated& event, TimePoint now) {
  Lane& lane = find(event.lane);
  lane.has_instance = event.ok;
  if (lane.closing && ends_alone(lane)) return end(lane);
  if (event.ok) {
    lane.failures = 0;
    move(lane, LaneState::kIdle);
  } else {
    ++lane.failures;
    back_off(lane, Duration{0}, now);
  }
  go_on(lane, now);
  if (lane.closing) drain_spread(source_of(lane), now);
}

void Dispatcher::on(const TurnDone& event, TimePoint now) {
  Lane& lane = find(event.lane);
  end_deadline(lane);
  if (!lane.detached) {
    record_progress(lane, event);
    if (lane.is_intake()) take_in(lane, event, now);
  }
  if (event.next == TurnDone::Next::kMore) lane.ready = true;
  if (lane.closing && ends_alone(lane)) {
    end(lane);
    return advance_releases(now);
  }
  after_turn(lane, event, now);
  go_on(lane, now);
  if (lane.closing) {
    drain_spread(source_of(lane), now);
  } else if (lane.is_slot()) {
    run_if_ready(source_of(lane), now);
  }
}

void Dispatcher::after_turn(Lane& lane, const TurnDone& event, TimePoint now) {
  switch (event.next) {
    case TurnDone::Next::kFailed:
      record_failure(lane, event.failure);
      back_off(lane, event.failure.retry_after, now);
      break;
    case TurnDone::Next::kStopped:
      give_up(lane, event.failure);
      break;
    case TurnDone::Next::kLinger:
      move(lane, LaneState::kLingering);
      wake_at(lane, event.linger_until);
      break;
    case TurnDone::Next::kDrained:
      lane.drained_below = lane.drains_below;
      move(lane, LaneState::kIdle);
      break;
    case TurnDone::Next::kMore:
      move(lane, LaneState::kIdle);
      break;
  }
}

/// At a batch boundary.
void Dispatcher::go_on(Lane& lane, TimePoint now) {
  hand_over(lane, now);
  run_if_ready(lane, now);
}

void Dispatcher::record_progress(Lane& lane, const TurnDone& event) {
  Lane& source = source_of(lane);
  OffsetTracker& tracker = source.tracker;
  if (!event.received.empty()) {
    if (tracker.precedes(event.received)) restart_tracking(source, event.received.begin);
    // Of the new log: from now on its watermark is what counts.
    if (!source.old_turn || event.received.begin == source.again_from) source.again_from.reset();
    tracker.received(event.received);
  }
  if (!lane.is_slot()) source.old_turn = false;
  const auto before = tracker.watermark();
  for (const OffsetRange& range : event.finished) {
    tracker.finished(range);
    if (lane.is_slot())
      source.spread->finished_to = std::max(source.spread->finished_to, range.end);
    if (lane.failing_offset && range.end > *lane.failing_offset) {
      lane.failing_offset.reset();
      lane.failures = 0;
    }
  }
  if (tracker.watermark() > before) source.finished_to = tracker.watermark();
  if (event.end) tracker.advance_to(*event.end);
  if (source.past(source.sent)) dirty_.insert(source.id);
}

/// Offsets start again: the topic was made anew, or its log was cut. What was committed before
/// belongs to records that no longer exist.
void Dispatcher::restart_tracking(Lane& lane, Offset offset) {
  MOULT_CHECK(lane.tracker.all_finished(), "a partition went back below unfinished records");
  log_.warning("partition went back: recreated, truncated, or offsets were reset",
               {{"topic", lane.partition.topic},
                {"partition", lane.partition.partition},
                {"epoch", lane.epoch},
                {"watermark", lane.tracker.watermark().value_or(-1)},
                {"offset", offset}});
  lane.tracker = OffsetTracker{};
  lane.again_from.reset();
  lane.sent.reset();
  lane.acknowledged.reset();
  lane.finished_to.reset();
  if (lane.spread) {
    lane.spread->settled = lane.spread->taken;
    lane.spread->turns.clear();
    lane.spread->finished_to = 0;
  }
  // An answer to a commit of the old offsets says nothing about the new ones.
  const auto old = [&](const CommitOffset& sent) { return sent.lane == lane.id; };
  for (auto& [id, offsets] : in_flight_) {
    if (std::ranges::none_of(offsets, old)) continue;
    std::ranges::copy_if(offsets, std::back_inserter(late_[id]), old);
    std::erase_if(offsets, old);
  }
}

/// At once: who takes the partition over now, or after a crash, would go on at an offset of the log
/// before.
void Dispatcher::on(const BegunAgain& event, TimePoint now) {
  const auto at = current_.find(event.partition);
  if (at == current_.end()) return;
  Lane& lane = find(at->second);
  lane.again_from = event.offset;
  lane.old_turn = lane.state == LaneState::kRunning;
  dirty_.insert(lane.id);
  next_commit_ = std::min(next_commit_, now);
}

void Dispatcher::record_failure(Lane& lane, const Failure& failure) {
  lane.failures = lane.failing_offset == failure.offset ? lane.failures + 1 : 1;
  lane.failing_offset = failure.offset;
  log_.warning("record failed, its lane waits", {{"topic", lane.partition.topic},
                                                 {"partition", lane.partition.partition},
                                                 {"epoch", lane.epoch},
                                                 {"offset", failure.offset},
                                                 {"attempt", lane.failures},
                                                 {"code", failure.code},
                                                 {"error", failure.error}});
}

void Dispatcher::back_off(Lane& lane, Duration asked, TimePoint now) {
  const Duration wait = asked > Duration{0} ? asked : handler_of(lane).backoff.next(lane.failures);
  move(lane, LaneState::kBackoff);
  wake_at(lane, now + wait);
}

/// The lane stays where it is until its partition goes: a person has to act.
void Dispatcher::give_up(Lane& lane, const Failure& failure) {
  move(lane, LaneState::kStopped);
  ++trouble_.stopped;
  log_.error(
      "lane stopped: nothing behind this record is handled until it is given up or the "
      "handler is mended",
      {{"topic", lane.partition.topic},
       {"partition", lane.partition.partition},
       {"epoch", lane.epoch},
       {"offset", failure.offset},
       {"attempt", lane.failing_offset == failure.offset ? lane.failures + 1 : 1},
       {"code", failure.code},
       {"error", failure.error}});
}

void Dispatcher::on(const LaneEnded& event, TimePoint now) {
  Lane& lane = find(event.lane);
  move(lane, LaneState::kEnded);
  lane.has_instance = false;
  if (lane.detached) forget(lane, now);
  advance_releases(now);
}

Lane& Dispatcher::find(LaneId id) {
  const auto at = lanes_.find(id);
  MOULT_CHECK(at != lanes_.end(), "an answer for a lane that is closed");
  return *at->second;
}

void Dispatcher::move(Lane& lane, LaneState to) {
  MOULT_CHECK(may_follow(lane.state, to), "a lane moved against its states");
  log_.trace("lane", {{"topic", lane.partition.topic},
                      {"partition", lane.partition.partition},
                      {"epoch", lane.epoch},
                      {"from", name_of(lane.state)},
                      {"to", name_of(to)}});
  if (lane.state == LaneState::kStopped) --trouble_.stopped;
  lane.state = to;
}

void Dispatcher::wake_at(Lane& lane, TimePoint when) {
  lane.wake_at = when;
  timers_.emplace(when, lane.id);
}

void Dispatcher::stop_waiting(Lane& lane) {
  timers_.erase({lane.wake_at, lane.id});
  lane.wake_at = kNever;
}

/// A lane stays blocked while an older one of its partition has not ended, and when everything
/// stops: what came too late is given back as it is.
void Dispatcher::start_unless_held(Lane& lane) {
  if (!stop_deadline_ && !outstaying_.contains(lane.partition)) start(lane);
}

void Dispatcher::start(Lane& lane) {
  if (lane.is_intake()) return move(lane, LaneState::kIdle);
  move(lane, LaneState::kCreating);
  commands_.push_back(CreateInstance{lane.id});
}

/// It may start no batch, but for the drain of its spread (see holds_back_commit).
bool Dispatcher::held_back(const Lane& lane) const {
  return quiet_ || lane.closing || paused(lane.handler);
}

void Dispatcher::run_if_ready(Lane& lane, TimePoint now) {
  const bool waits_for_records =
      lane.state == LaneState::kIdle || lane.state == LaneState::kLingering;
  if (!lane.ready || !waits_for_records || held_back(lane)) return;
  if (lane.is_intake() && room(lane) == 0) return;
  if (lane.is_slot() && takes_anew(source_of(lane))) return;
  if (joins_canary(lane)) return swap(lane, now);
  run(lane, now);
}

void Dispatcher::run(Lane& lane, TimePoint now) {
  RunTurn turn{lane.id, lane.failures + 1};
  if (lane.is_intake()) turn.room = room(lane);
  // Its intake may be at work, and has records there that nobody has told us of.
  if (lane.is_slot()) turn.below = source_of(lane).spread->received_to;
  run(lane, turn, now);
}

void Dispatcher::run(Lane& lane, RunTurn turn, TimePoint now) {
  stop_waiting(lane);
  lane.ready = false;
  move(lane, LaneState::kRunning);
  lane.deadline = policy_of(lane).deadline;
  if (lane.deadline > Duration{0}) {
    lane.turn_deadline = now + lane.deadline;
    deadlines_.emplace(lane.turn_deadline, lane.id);
  }
  commands_.push_back(turn);
}

void Dispatcher::on(const BatchYounger& event, TimePoint now) {
  Lane& lane = find(event.lane);
  if (!lane.overdue) return;
  end_deadline(lane);
  lane.turn_deadline = now + (lane.deadline - event.running_for);
  deadlines_.emplace(lane.turn_deadline, lane.id);
}

void Dispatcher::end_deadline(Lane& lane) {
  deadlines_.erase({lane.turn_deadline, lane.id});
  lane.turn_deadline = kNever;
  if (std::exchange(lane.overdue, false)) --trouble_.overdue;
}

void Dispatcher::wake(Lane& lane, TimePoint now) {
  const bool failed = lane.state == LaneState::kBackoff;
  stop_waiting(lane);
  if (lane.has_instance) {
    if (!failed && joins_canary(lane)) return swap(lane, now);
    run(lane, now);
  } else {
    start(lane);
  }
}

Dispatcher::HandlerState& Dispatcher::handler_at(HandlerIndex index) { return handlers_.at(index); }
Dispatcher::HandlerState& Dispatcher::handler_of(const Lane& lane) {
  return handler_at(lane.handler);
}
const HandlerPolicy& Dispatcher::policy_of(const Lane& lane) const {
  return handlers_.at(lane.handler).policy;
}

// ---- Time ---------------------------------------------------------------------------------------

void Dispatcher::tick(TimePoint now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Lane& lane = find(timers_.begin()->second);
    if (held_back(lane)) {
      stop_waiting(lane);
    } else {
      wake(lane, now);
    }
  }
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    Lane& lane = find(deadlines_.begin()->second);
    deadlines_.erase(deadlines_.begin());
    lane.overdue = true;
    ++trouble_.overdue;
    commands_.push_back(Overdue{lane.id, lane.deadline, policy_of(lane).exit_on_deadline});
  }
  advance_releases(now);
  commit_periodically(now);
  report_handovers();
}

TimePoint Dispatcher::next_wakeup() const {
  TimePoint next = timers_.empty() ? kNever : timers_.begin()->first;
  if (!deadlines_.empty()) next = std::min(next, deadlines_.begin()->first);
  for (const Release& release : releases_) {
    if (!waits_for_others(release)) next = std::min({next, release.deadline, release.again_at});
  }
  if (!releases_.empty() || stop_deadline_) return next;
  if (periodic_commit_) return std::min(next, periodic_deadline_);
  return dirty_.empty() ? next : std::min(next, next_commit_);
}

}  // namespace moult
