// What is committed, and what the broker says to it.

#include <algorithm>
#include <iterator>
#include <utility>

#include "runtime/dispatch/dispatcher.h"

namespace moult {

void Dispatcher::commit_periodically(TimePoint now) {
  // While partitions are on their way out the group is between two generations: the commit that
  // counts is the release's own. After a stop only the consumer's close is left.
  if (!releases_.empty() || stop_deadline_) return;
  if (periodic_commit_ && now >= periodic_deadline_) give_up_waiting(*periodic_commit_);
  if (periodic_commit_ || dirty_.empty() || now < next_commit_) return;
  periodic_commit_ = commit({dirty_.begin(), dirty_.end()}, Known::kSent);
  periodic_deadline_ = now + options_.commit_timeout;
  next_commit_ = now + options_.commit_interval;
}

/// One that never comes back must not keep the offsets that follow from the broker.
void Dispatcher::give_up_waiting(CommitId id) {
  std::ranges::copy(in_flight_.at(id), std::back_inserter(late_[id]));
  settle(id, /*ok=*/false);
}

/// The commit is no longer under way: it was answered, or (not ok) is not waited for any longer.
void Dispatcher::settle(CommitId id, bool ok) {
  const auto settled = in_flight_.extract(id);
  if (periodic_commit_ == id) periodic_commit_.reset();
  if (settled.empty()) return;
  if (ok) {
    commit_taken(settled.mapped());
  } else {
    commit_failed(settled.mapped());
  }
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
    lane.rewound = false;
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
  if (const auto late = late_.extract(event.commit); !late.empty() && event.ok) {
    commit_taken(late.mapped());
  }
  settle(event.commit, event.ok);
  if (event.overtaken) overtaken(event.commit, now);
  advance_releases(now);
}

/// The broker keeps what came last. That may be one that was tried again until it got through
/// behind commits that were sent after it: then it has taken their place.
void Dispatcher::commit_taken(const std::vector<CommitOffset>& offsets) {
  for (const CommitOffset& taken : offsets) {
    // Not by the lane: the partition may have come back, and have another one.
    const auto at = current_.find(taken.partition);
    if (at == current_.end()) continue;
    Lane& lane = find(at->second);
    // Offsets from before the partition went back count as none: anything goes past them.
    const auto resume_at = lane.resume_at();
    const bool comparable = resume_at && (lane.again_from || taken.offset <= *resume_at);
    const auto before = lane.acknowledged;
    lane.acknowledged = comparable ? std::optional(taken.offset) : std::nullopt;
    const bool is_behind =
        lane.again_from ? taken.offset != *lane.again_from : lane.acknowledged < before;
    if (is_behind) lane.rewound = true;
    if (is_under_way(lane)) continue;
    lane.sent = lane.acknowledged;
    if (lane.past(lane.sent)) dirty_.insert(lane.id);
  }
}

/// What was sent last for the lane.
bool Dispatcher::is_under_way(const Lane& lane) const {
  return std::ranges::any_of(in_flight_, [&](const auto& commit) {
    return std::ranges::any_of(commit.second, [&](const CommitOffset& sent) {
      return sent.lane == lane.id && sent.offset == lane.sent;
    });
  });
}

/// It has to be sent again, unless a later one carries it too.
void Dispatcher::commit_failed(const std::vector<CommitOffset>& offsets) {
  for (const CommitOffset& failed : offsets) {
    const auto at = lanes_.find(failed.lane);
    if (at == lanes_.end() || at->second->detached) continue;
    Lane& lane = *at->second;
    if (lane.sent != failed.offset) continue;
    lane.sent = lane.acknowledged;
    dirty_.insert(lane.id);
  }
}

}  // namespace moult
