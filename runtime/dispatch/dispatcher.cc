#include "runtime/dispatch/dispatcher.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace moult {

Dispatcher::Dispatcher(DispatcherOptions options, Logger log)
    : options_(std::move(options)), log_(log) {
  std::uint64_t seed = options_.seed;
  for (const HandlerPolicy& policy : options_.handlers) {
    backoffs_.emplace_back(policy.backoff, policy.backoff_max, seed += 0x9E3779B97F4A7C15);
  }
}

// ---- Assignment ---------------------------------------------------------------------------------

void Dispatcher::on(const Assigned& event, TimePoint now) {
  ++epoch_;
  for (const AssignedPartition& assigned : event.partitions) {
    MOULT_CHECK(!current_.contains(assigned.partition), "a partition was assigned twice");
    const LaneId id{++last_lane_};
    auto& lane =
        *(lanes_[id] = std::make_unique<Lane>(id, assigned.partition, assigned.handler, epoch_));
    current_.emplace(assigned.partition, id);
    commands_.push_back(OpenLane{id, assigned.handler, assigned.partition, epoch_});
    start_unless_held(lane);
  }
  advance_releases(now);
}

void Dispatcher::on(const Revoked& event, TimePoint now) {
  std::vector<LaneId> lanes;
  for (const TopicPartition& partition : event.partitions) {
    const auto at = current_.find(partition);
    if (at != current_.end()) lanes.push_back(at->second);
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
    Lane& lane = find(at->second);
    // Someone else may be working on it: whatever this lane still does is not to count.
    close(lane, EndReason::kLost, now);
    if (lane.state != LaneState::kEnded) commands_.push_back(CancelLane{lane.id});
    detach(lane);
  }
  commands_.push_back(Unassign{event.partitions});
  advance_releases(now);
}

// ---- Lanes --------------------------------------------------------------------------------------

void Dispatcher::on(const Ready& event, TimePoint) {
  const auto at = lanes_.find(event.lane);
  // A queue's last event may cross with the end of its lane.
  if (at == lanes_.end()) return;
  at->second->ready = true;
  run_if_ready(*at->second);
}

void Dispatcher::on(const InstanceCreated& event, TimePoint now) {
  Lane& lane = find(event.lane);
  lane.has_instance = event.ok;
  if (lane.closing) {
    end(lane);
  } else if (event.ok) {
    lane.failures = 0;
    move(lane, LaneState::kIdle);
    run_if_ready(lane);
  } else {
    ++lane.failures;
    back_off(lane, Duration{0}, now);
  }
}

void Dispatcher::on(const TurnDone& event, TimePoint now) {
  Lane& lane = find(event.lane);
  if (!lane.detached) record_progress(lane, event);
  if (event.next == TurnDone::Next::kMore) lane.ready = true;
  if (lane.closing) {
    end(lane);
    advance_releases(now);
  } else {
    after_turn(lane, event, now);
  }
}

void Dispatcher::after_turn(Lane& lane, const TurnDone& event, TimePoint now) {
  switch (event.next) {
    case TurnDone::Next::kFailed:
      record_failure(lane, event.failure);
      back_off(lane, event.failure.retry_after, now);
      return;
    case TurnDone::Next::kLinger:
      move(lane, LaneState::kLingering);
      wake_at(lane, event.linger_until);
      break;
    case TurnDone::Next::kDrained:
    case TurnDone::Next::kMore:
      move(lane, LaneState::kIdle);
      break;
  }
  run_if_ready(lane);
}

void Dispatcher::record_progress(Lane& lane, const TurnDone& event) {
  if (!event.received.empty()) {
    if (lane.tracker.precedes(event.received)) restart_tracking(lane, event.received.begin);
    lane.tracker.received(event.received);
  }
  if (const auto mark = lane.tracker.watermark(); mark && event.done_to) {
    lane.tracker.finished({*mark, *event.done_to});
    if (*event.done_to > *mark) lane.finished_to = event.done_to;
  }
  if (event.end) lane.tracker.advance_to(*event.end);
  if (lane.failing_offset && lane.tracker.watermark() > lane.failing_offset) {
    lane.failing_offset.reset();
    lane.failures = 0;
  }
  if (lane.past(lane.sent)) dirty_.insert(lane.id);
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
  lane.sent.reset();
  lane.acknowledged.reset();
  lane.finished_to.reset();
  // An answer to a commit of the old offsets says nothing about the new ones.
  for (auto& [id, offsets] : in_flight_) {
    std::erase_if(offsets, [&](const CommitOffset& sent) { return sent.lane == lane.id; });
  }
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
  Backoff& backoff = backoffs_.at(static_cast<std::size_t>(lane.handler));
  const Duration wait = asked > Duration{0} ? asked : backoff.next(lane.failures);
  move(lane, LaneState::kBackoff);
  wake_at(lane, now + wait);
}

void Dispatcher::on(const LaneEnded& event, TimePoint now) {
  Lane& lane = find(event.lane);
  move(lane, LaneState::kEnded);
  lane.has_instance = false;
  if (lane.detached) forget(lane);
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
  move(lane, LaneState::kCreating);
  commands_.push_back(CreateInstance{lane.id});
}

void Dispatcher::run_if_ready(Lane& lane) {
  const bool waits_for_records =
      lane.state == LaneState::kIdle || lane.state == LaneState::kLingering;
  if (lane.ready && waits_for_records && !quiet_ && !lane.closing) run(lane);
}

void Dispatcher::run(Lane& lane) {
  stop_waiting(lane);
  lane.ready = false;
  move(lane, LaneState::kRunning);
  commands_.push_back(RunTurn{lane.id, lane.failures + 1});
}

void Dispatcher::wake(Lane& lane) {
  stop_waiting(lane);
  if (!lane.has_instance) {
    start(lane);
  } else {
    run(lane);
  }
}

// ---- Commits ------------------------------------------------------------------------------------

void Dispatcher::commit_periodically(TimePoint now) {
  // While partitions are on their way out the group is between two generations: the commit that
  // counts is the release's own. After a stop only the consumer's close is left.
  if (!releases_.empty() || stop_deadline_) return;
  if (periodic_commit_ && now >= periodic_deadline_) settle(*periodic_commit_, /*ok=*/false);
  if (periodic_commit_ || dirty_.empty() || now < next_commit_) return;
  periodic_commit_ = commit({dirty_.begin(), dirty_.end()}, Known::kSent);
  periodic_deadline_ = now + options_.commit_timeout;
  next_commit_ = now + options_.commit_interval;
}

/// The commit is no longer under way: it was answered, or (not ok) is not waited for any longer, as
/// one that never comes back must not keep the offsets that follow from the broker.
void Dispatcher::settle(CommitId id, bool ok) {
  const auto settled = in_flight_.extract(id);
  if (periodic_commit_ == id) periodic_commit_.reset();
  if (!settled.empty()) commit_answered(settled.mapped(), ok);
}

/// Periodic commits carry what was not sent yet. The last commit of a release carries all that the
/// broker has not acknowledged: its answer is then the whole truth.
std::optional<CommitId> Dispatcher::commit(const std::vector<LaneId>& lanes, Known known) {
  Commit command{};
  for (const LaneId id : lanes) {
    dirty_.erase(id);
    const auto at = lanes_.find(id);
    if (at == lanes_.end() || at->second->detached) continue;
    Lane& lane = *at->second;
    const auto offset = lane.past(known == Known::kSent ? lane.sent : lane.acknowledged);
    if (!offset) continue;
    command.offsets.push_back({id, lane.partition, *offset});
    lane.sent = *offset;
  }
  if (command.offsets.empty()) return std::nullopt;
  command.commit = CommitId{++last_commit_};
  in_flight_.emplace(command.commit, command.offsets);
  commands_.push_back(command);
  return command.commit;
}

void Dispatcher::on(const CommitDone& event, TimePoint now) {
  settle(event.commit, event.ok);
  advance_releases(now);
}

/// What a failed commit carried has to be sent again, unless a later one carries it too.
void Dispatcher::commit_answered(const std::vector<CommitOffset>& offsets, bool ok) {
  for (const CommitOffset& answered : offsets) {
    const auto at = lanes_.find(answered.lane);
    if (at == lanes_.end() || at->second->detached) continue;
    Lane& lane = *at->second;
    if (ok) {
      lane.acknowledged = std::max(lane.acknowledged, std::optional(answered.offset));
      lane.sent = std::max(lane.sent, lane.acknowledged);
    } else if (lane.sent == answered.offset) {
      lane.sent = lane.acknowledged;
      dirty_.insert(lane.id);
    }
  }
}

// ---- Time ---------------------------------------------------------------------------------------

void Dispatcher::tick(TimePoint now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Lane& lane = find(timers_.begin()->second);
    if (quiet_) {
      stop_waiting(lane);
    } else {
      wake(lane);
    }
  }
  advance_releases(now);
  commit_periodically(now);
}

TimePoint Dispatcher::next_wakeup() const {
  TimePoint next = timers_.empty() ? kNever : timers_.begin()->first;
  for (const Release& release : releases_) {
    if (!waits_for_others(release)) next = std::min(next, release.deadline);
  }
  if (!releases_.empty() || stop_deadline_) return next;
  if (periodic_commit_) return std::min(next, periodic_deadline_);
  return dirty_.empty() ? next : std::min(next, next_commit_);
}

}  // namespace moult
