// How lanes end: by themselves, with their partitions, with the daemon.

#include <algorithm>
#include <utility>

#include "runtime/dispatch/dispatcher.h"

namespace moult {
namespace {

// Between two commits of a stop while the group rebalances.
constexpr Milliseconds kOvertakenDelay{100};

TimePoint halfway(TimePoint from, TimePoint to) {
  return from + std::max(to - from, Duration{0}) / 2;
}

}  // namespace

/// Asks a lane to end: at once when no worker has it, else after its turn. The lanes of a spread
/// end together (see drain_spread), unless their partition is lost.
void Dispatcher::close(Lane& lane, EndReason reason, TimePoint deadline) {
  if (lane.state == LaneState::kEnded || lane.state == LaneState::kEnding) return;
  // One that is lost is cancelled; one that ends already may drain.
  if (!lane.closing && reason != EndReason::kLost) hold_back(lane);
  lane.closing = reason;
  lane.close_deadline = deadline;
  leave_canary(lane);
  if (!lane.busy() && (ends_alone(lane) || lane.state == LaneState::kBlocked)) end(lane);
}

void Dispatcher::end(Lane& lane) {
  stop_waiting(lane);
  if (lane.state == LaneState::kBlocked) {
    move(lane, LaneState::kEnded);
    return;
  }
  move(lane, LaneState::kEnding);
  commands_.push_back(EndLane{lane.id, *lane.closing, lane.close_deadline});
}

/// The lanes of a spread end together, as long as what they finish still counts.
bool Dispatcher::ends_alone(const Lane& lane) {
  const bool of_spread = lane.is_intake() || lane.is_slot();
  return !of_spread || lane.detached || lane.cancelled || lane.closing == EndReason::kLost;
}

/// The lane's partition is no longer ours. A lane that has ended is forgotten; another one stays
/// until it has, and keeps a successor on the same partition from starting.
void Dispatcher::detach(Lane& lane) {
  lane.detached = true;
  const LaneId id = lane.id;
  dirty_.erase(id);
  if (!lane.is_slot()) current_.erase(lane.partition);
  if (lane.state == LaneState::kEnded) {
    commands_.push_back(CloseLane{id});
    lanes_.erase(id);
  } else {
    outstaying_.emplace(lane.partition, id);
  }
}

void Dispatcher::forget(Lane& lane, TimePoint now) {
  const TopicPartition partition = lane.partition;
  const auto [first, last] = outstaying_.equal_range(partition);
  const LaneId id = lane.id;
  outstaying_.erase(std::find_if(first, last, [&](const auto& it) { return it.second == id; }));
  commands_.push_back(CloseLane{id});
  lanes_.erase(id);
  const auto successor = current_.find(partition);
  if (successor == current_.end()) return;
  Lane& next = find(successor->second);
  if (next.state != LaneState::kBlocked) return;
  start_unless_held(next);
  // An intake makes no instance: what its queue said while it was blocked counts now.
  run_if_ready(next, now);
}

void Dispatcher::begin_release(Release release, TimePoint now) {
  const EndReason reason = release.stop ? EndReason::kStopping : EndReason::kRevoked;
  for (const LaneId id : release.lanes) close(find(id), reason, release.deadline);
  for (const LaneId id : release.lanes) {
    if (Lane& lane = find(id); lane.is_intake()) drain_spread(lane, now);
  }
  releases_.push_back(std::move(release));
  advance_releases(now);
}

void Dispatcher::advance_releases(TimePoint now) {
  for (Release& release : releases_) {
    if (!release.stop) advance(release, now);
  }
  const auto done = [](const Release& release) { return release.phase == Release::Phase::kDone; };
  std::erase_if(releases_, done);
  for (Release& release : releases_) advance(release, now);
  std::erase_if(releases_, done);
}

void Dispatcher::advance(Release& release, TimePoint now) {
  if (release.phase == Release::Phase::kDraining && (drained(release) || now >= release.deadline)) {
    finish_drain(release, now);
  }
  if (release.phase == Release::Phase::kQueued &&
      (!any_under_way(release.earlier) || now >= release.deadline)) {
    send_commit(release);
  }
  if (release.phase != Release::Phase::kCommitting) return;
  if (now < release.deadline) commit_again_if_rewound(release);
  if (now >= release.again_at && now < release.deadline) send_commit(release);
  if (waits_for_others(release)) return;
  if (all_answered(release) || now >= release.deadline) finish(release);
}

/// The stop is the last to go: the poller closes the consumer when it is over. The others are
/// bounded by its deadline too.
bool Dispatcher::waits_for_others(const Release& release) const {
  return release.stop && release.phase == Release::Phase::kCommitting && releases_.size() > 1;
}

/// No later than the stop allows.
TimePoint Dispatcher::drain_by(TimePoint deadline) const {
  return stop_deadline_ ? std::min(deadline, *stop_deadline_) : deadline;
}

TimePoint Dispatcher::commit_by(TimePoint deadline) const {
  return std::min(deadline, stop_commit_deadline_);
}

/// The stop waits for every worker, also for those with lanes of other or earlier releases.
bool Dispatcher::drained(const Release& release) const {
  if (release.stop) return at_rest();
  return std::ranges::none_of(release.lanes, [&](LaneId id) { return is_open(id); });
}

/// A lane that has not ended.
bool Dispatcher::is_open(LaneId id) const {
  const auto at = lanes_.find(id);
  return at != lanes_.end() && at->second->state != LaneState::kEnded;
}

void Dispatcher::finish_drain(Release& release, TimePoint now) {
  for (const LaneId id : release.lanes) {
    if (!is_open(id)) continue;
    Lane& lane = find(id);
    lane.cancelled = true;
    if (!lane.busy()) end(lane);
    commands_.push_back(CancelLane{id});
  }
  release.commit_deadline = commit_by(now + options_.commit_timeout);
  release.deadline = halfway(now, release.commit_deadline);
  release.earlier = earlier_commits(release);
  release.phase = Release::Phase::kQueued;
}

/// As late as half of the time is over: the broker is to have the rest for this one.
void Dispatcher::send_commit(Release& release) {
  release.again_at = kNever;
  release.commit = commit(release.lanes, Known::kAcknowledged);
  release.earlier = earlier_commits(release);
  release.deadline = release.commit_deadline;
  release.phase = Release::Phase::kCommitting;
}

void Dispatcher::commit_again_if_rewound(Release& release) {
  const auto is_rewound = [&](LaneId id) {
    const auto at = lanes_.find(id);
    return at != lanes_.end() && at->second->rewound;
  };
  if (std::ranges::any_of(release.lanes, is_rewound)) {
    release.commit = commit(release.lanes, Known::kAcknowledged);
  }
}

/// Commits under way with another offset of one of its partitions. One that librdkafka tries again
/// may get through behind those that were sent after it.
std::set<CommitId> Dispatcher::earlier_commits(const Release& release) const {
  const std::set<LaneId> lanes(release.lanes.begin(), release.lanes.end());
  const auto differs = [&](const CommitOffset& sent) {
    const auto at = current_.find(sent.partition);
    if (at == current_.end() || !lanes.contains(at->second)) return false;
    const auto resume_at = lane(at->second).resume_at();
    return resume_at && *resume_at != sent.offset;
  };
  std::set<CommitId> earlier;
  for (const auto* commits : {&in_flight_, &late_}) {
    for (const auto& [id, offsets] : *commits) {
      if (id != release.commit && std::ranges::any_of(offsets, differs)) earlier.insert(id);
    }
  }
  return earlier;
}

bool Dispatcher::any_under_way(const std::set<CommitId>& commits) const {
  return std::ranges::any_of(
      commits, [&](CommitId id) { return in_flight_.contains(id) || late_.contains(id); });
}

bool Dispatcher::all_answered(const Release& release) const {
  const bool waits =
      release.again_at != kNever || (release.commit && in_flight_.contains(*release.commit));
  return !waits && !any_under_way(release.earlier);
}

/// While a member joins anew the broker refuses what it commits by its old generation: by the next
/// one it may be taken. Of what a rebalance takes the next owner waits for the release; of what a
/// stop leaves nobody does.
void Dispatcher::overtaken(CommitId commit, TimePoint now) {
  for (Release& release : releases_) {
    if (release.stop && release.commit == commit) release.again_at = now + kOvertakenDelay;
  }
}

void Dispatcher::finish(Release& release) {
  release.phase = Release::Phase::kDone;
  if (release.commit && in_flight_.contains(*release.commit)) give_up_waiting(*release.commit);
  if (release.stop) {
    commands_.push_back(Stopped{busy_lanes()});
    return;
  }
  for (const LaneId id : release.lanes) {
    const auto at = lanes_.find(id);
    if (at != lanes_.end() && !at->second->detached) detach(*at->second);
  }
  commands_.push_back(Unassign{release.partitions});
}

// ---- Quiet, pause and stop
// -----------------------------------------------------------------------------

void Dispatcher::on(const Quiet&, TimePoint) {
  quiet_ = true;
  for (const LaneId id : assigned_lanes()) {
    if (Lane& lane = find(id); !lane.closing) hold_back(lane);
  }
}

void Dispatcher::on(const Pause& event, TimePoint now) {
  HandlerState& handler = handler_at(event.handler);
  if (std::exchange(handler.paused, event.paused) == event.paused) return;
  for (const LaneId id : assigned_lanes()) {
    Lane& lane = find(id);
    if (lane.handler != event.handler) continue;
    if (!event.paused) {
      resume(lane, now);
    } else {  // also a drain
      hold_back(lane);
    }
  }
}

/// Its turn may wait behind those of many lanes, and is not to begin after them.
void Dispatcher::hold_back(const Lane& lane) {
  if (lane.state == LaneState::kRunning) commands_.push_back(HoldBack{lane.id});
}

/// What a lane waited for may have passed meanwhile.
void Dispatcher::resume(Lane& lane, TimePoint now) {
  const bool waits = lane.state == LaneState::kBackoff || lane.state == LaneState::kLingering;
  if (waits && lane.wake_at == kNever && !held_back(lane)) return wake(lane, now);
  run_if_ready(lane, now);
}

bool Dispatcher::paused(HandlerIndex handler) const { return handlers_.at(handler).paused; }

void Dispatcher::on(const Stop& event, TimePoint now) {
  if (stop_deadline_) return;
  stop_deadline_ = event.deadline;
  stop_commit_deadline_ = std::min(event.commit_deadline, event.deadline + options_.commit_timeout);
  quiet_ = true;
  for (Release& release : releases_) hurry(release, now);
  Release release;
  release.stop = true;
  release.deadline = event.deadline;
  for (const auto& [partition, id] : current_) {
    if (!find(id).closing) append_family(find(id), release.lanes);
  }
  begin_release(std::move(release), now);
}

/// Cuts what is under way to the time that the stop leaves.
void Dispatcher::hurry(Release& release, TimePoint now) {
  if (release.phase != Release::Phase::kDraining) {
    release.commit_deadline = commit_by(release.commit_deadline);
    const bool queued = release.phase == Release::Phase::kQueued;
    const TimePoint by = queued ? halfway(now, release.commit_deadline) : release.commit_deadline;
    release.deadline = std::min(release.deadline, by);
    return;
  }
  release.deadline = drain_by(release.deadline);
  for (const LaneId id : release.lanes) {
    const auto at = lanes_.find(id);
    if (at != lanes_.end()) at->second->close_deadline = release.deadline;
  }
}

std::vector<LaneId> Dispatcher::busy_lanes() const {
  std::vector<LaneId> ids;
  for (const auto& [id, lane] : lanes_) {
    if (lane->busy()) ids.push_back(id);
  }
  std::ranges::sort(ids);
  return ids;
}

bool Dispatcher::at_rest() const {
  return std::ranges::none_of(lanes_, [](const auto& entry) { return entry.second->busy(); });
}

}  // namespace moult
