#include "tests/sim/member.h"

#include <algorithm>
#include <iterator>

namespace moult::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

DispatcherOptions options_of(const World& world, std::uint64_t seed) {
  DispatcherOptions options = world.settings.dispatcher;
  if (world.settings.late && !world.late_is_read) options.handlers.pop_back();
  options.seed = seed;
  return options;
}

}  // namespace

Member::Member(World& world, Broker& broker, GroupCalls calls, std::uint64_t dispatcher_seed)
    : world_(world),
      broker_(broker),
      calls_(std::move(calls)),
      dispatcher_(options_of(world, dispatcher_seed), Logger(sink_, Component::kDispatch)),
      workers_(world, queues_, [this](WorkerReport report) {
        std::visit([this](const auto& it) { post(it); }, report);
      }) {
  for (const HandlerPolicy& policy : world.settings.dispatcher.handlers) {
    const HandlerIndex handler{static_cast<std::uint32_t>(handovers_.size())};
    if (world.reads(handler)) pauses_.emplace(handler, false);
    handovers_.emplace_back(policy);
  }
}

// ---- The group ----------------------------------------------------------------------------------

void Member::assigned(const std::vector<std::size_t>& partitions) {
  Assigned event;
  for (const std::size_t p : partitions) {
    world_.note("group: assigned p{}", p);
    event.partitions.push_back({world_.partitions[p].name, world_.partitions[p].handler});
    owned_.insert(p);
    opening_.insert(p);
    reasons_.erase(p);
  }
  dispatcher_.on(event, world_.schedule.now());
  obey();
  expect(opening_.empty(), "an assigned partition got no lane");
  for (const std::size_t p : partitions) start_fetching(p);
  wake();
}

void Member::close_all(const std::vector<std::size_t>& partitions, EndReason reason) {
  for (const std::size_t p : partitions) {
    reasons_[p] = reason;
    for (LaneModel* lane : lanes_of(p)) lane->closing = true;
  }
}

void Member::revoked(const std::vector<std::size_t>& partitions) {
  Revoked event;
  for (const std::size_t p : partitions) {
    world_.note("group: revoked p{}", p);
    event.partitions.push_back(world_.partitions[p].name);
  }
  const TimePoint now = world_.schedule.now();
  const DispatcherOptions& options = world_.settings.dispatcher;
  releasing_ = {partitions.begin(), partitions.end()};
  revoke_deadline_ = now + options.revoke_deadline;
  if (stop_deadline_) revoke_deadline_ = std::min(*revoke_deadline_, *stop_deadline_);
  unassign_due_ =
      std::max(now, std::min(*revoke_deadline_ + options.commit_timeout, stop_commit_deadline_));
  close_all(partitions, EndReason::kRevoked);
  dispatcher_.on(event, now);
  obey();
  wake();
}

void Member::evicted(const std::vector<std::size_t>& partitions) {
  for (const std::size_t p : partitions) {
    world_.note("broker: p{} goes to someone else", p);
    for (LaneModel* lane : lanes_of(p)) lane->evicted = true;
  }
}

void Member::lost(const std::vector<std::size_t>& partitions) {
  Lost event;
  for (const std::size_t p : partitions) {
    world_.note("group: lost p{}", p);
    event.partitions.push_back(world_.partitions[p].name);
  }
  close_all(partitions, EndReason::kLost);
  releasing_ = {partitions.begin(), partitions.end()};
  losing_ = true;
  dispatcher_.on(event, world_.schedule.now());
  obey();
  expect(!losing_, "lost partitions were not unassigned at once");
  wake();
}

void Member::add(const AddHandler& event) { post(event); }

bool Member::has_lanes(HandlerIndex handler) const {
  return std::ranges::any_of(lanes_, [&](const auto& it) { return it.second.handler == handler; });
}

void Member::pause(HandlerIndex handler, bool paused) { post(Pause{handler, paused}); }
void Member::quiet() { post(Quiet{}); }
void Member::stop() {
  const TimePoint deadline = world_.schedule.now() + world_.settings.stop_deadline;
  Stop event{deadline};
  if (world_.settings.stop_commit) event.commit_deadline = deadline + *world_.settings.stop_commit;
  post(event);
}

void Member::die() {
  *alive_ = false;
  workers_.crash();
}

void Member::expect_all_closed() const {
  expect(lanes_.empty(), "a lane was never closed");
  expect(dispatcher_.assignment().empty(), "the dispatcher still has an assignment");
  expect(dispatcher_.at_rest(), "the dispatcher waits for a worker that has nothing to do");
}

// ---- Fetching -----------------------------------------------------------------------------------

void Member::start_fetching(std::size_t partition) {
  PartitionQueue& queue = queues_[partition];
  expect(queue.attached.has_value(), "fetching begins before a lane has its queue");
  queue.fetching = true;
  queue.position = world_.partitions[partition].take_over(world_.ledger);
  queue.end_told.reset();
  LaneModel& lane = *lane_of(partition);
  lane.checked_to = queue.position;
  world_.note("fetch: p{} from {}", partition, queue.position);
  pump_soon(partition, world_.random.between(microseconds(100), microseconds(5000)));
}

void Member::stop_fetching(std::size_t partition) {
  PartitionQueue& queue = queues_[partition];
  queue.fetching = false;
  queue.items.clear();
}

void Member::pump_soon(std::size_t partition, Duration wait) {
  PartitionQueue& queue = queues_[partition];
  if (queue.pumping) return;
  queue.pumping = true;
  world_.schedule.after(wait, [this, partition, alive = alive_] {
    if (!*alive) return;
    queues_[partition].pumping = false;
    pump(partition);
  });
}

void Member::pump(std::size_t partition) {
  PartitionQueue& queue = queues_[partition];
  if (!queue.fetching) return;
  const bool was_empty = queue.items.empty();
  const std::uint64_t most = world_.random.between(1, 10);
  bool more = true;
  for (std::uint64_t i = 0; i < most && more; ++i) more = fetch_one(partition, queue);
  if (was_empty && !queue.items.empty()) post(Ready{*queue.attached});
  if (more) pump_soon(partition, world_.random.between(microseconds(200), microseconds(30'000)));
}

/// False when the end was reached and told.
bool Member::fetch_one(std::size_t partition, PartitionQueue& queue) {
  const Partition& log = world_.partitions[partition];
  if (queue.items.size() >= world_.settings.queue_bound) return true;
  while (queue.position < log.end() && !log.at(queue.position)) ++queue.position;
  if (queue.position < log.end()) {
    queue.items.push_back({queue.position, log.at(queue.position), log.incarnation()});
    ++queue.position;
    return true;
  }
  if (queue.end_told != log.end()) queue.items.push_back({log.end(), {}, log.incarnation()});
  queue.end_told = log.end();
  return false;
}

void Member::log_grew(std::size_t partition) {
  pump_soon(partition, world_.random.between(microseconds(100), microseconds(5000)));
}

void Member::log_cut(std::size_t partition) {
  PartitionQueue& queue = queues_[partition];
  queue.position = std::min(queue.position, world_.partitions[partition].end());
  queue.end_told.reset();
  for (auto& [id, lane] : lanes_) {
    if (lane.partition == partition) lane.disturbed = true;
  }
  log_grew(partition);
}

// ---- The poller ---------------------------------------------------------------------------------

void Member::post(Mail mail) {
  mail_.push_back(std::move(mail));
  // One answer for each worker's task, commit and control message; a Ready needs a pull before it.
  const std::size_t bound = 3 * lanes_.size() + 3 * world_.partitions.size() + commits_under_way_ +
                            standbys_under_way_ + 2 * handovers_.size() + 8;
  expect(mail_.size() <= bound, "the mailbox has no bound");
  wake_at(world_.schedule.now() + world_.random.between(microseconds(1), microseconds(400)));
}

void Member::wake_at(TimePoint when) {
  if (when >= next_wake_) return;
  next_wake_ = when;
  world_.schedule.at(when, [this, when, alive = alive_] {
    if (*alive && next_wake_ == when) wake();
  });
}

void Member::wake() {
  next_wake_ = kNever;
  for (const Mail& mail : std::exchange(mail_, {})) {
    handle(mail);
    obey();
    if (!*alive_) return;
  }
  dispatcher_.tick(world_.schedule.now());
  obey();
  if (*alive_) settle();
}

void Member::settle() {
  const TimePoint next = dispatcher_.next_wakeup();
  expect(next > world_.schedule.now(), "next_wakeup() is not in the future after tick()");
  for (const auto& [id, lane] : lanes_) {
    check_due(lane);
    check_handover(lane);
  }
  check_handovers();
  check_trouble(next);
  check_bounds();
  check_handlers();
  if (next != kNever)
    wake_at(next + world_.random.between(Duration{0}, Duration(microseconds(500))));
  if (!mail_.empty()) wake_at(world_.schedule.now() + microseconds(10));
}

void Member::handle(const Mail& mail) {
  const TimePoint now = world_.schedule.now();
  std::visit([this](const auto& it) { hear(it); }, mail);
  if (const auto* report = std::get_if<TurnReport>(&mail)) {
    dispatcher_.on(report->done, now);
  } else {
    std::visit(
        [&](const auto& it) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(it)>, TurnReport>) {
            dispatcher_.on(it, now);
          }
        },
        mail);
  }
}

void Member::hear(const Ready& ready) {
  world_.note("ready: lane {}", number(ready.lane));
  const auto at = lanes_.find(ready.lane);
  if (at != lanes_.end()) at->second.signalled = true;
}

void Member::hear(const InstanceCreated& created) {
  world_.note("lane {}: created {}", number(created.lane), created.ok);
  LaneModel& lane = open_lane(created.lane);
  lane.owed = Owed::kNothing;
  if (created.ok) {
    lane.create_failures = 0;
  } else {
    expect_rerun(lane, ++lane.create_failures, Duration{0});
  }
}

void Member::hear(const TurnReport& report) {
  const TurnDone& done = report.done;
  LaneModel& lane = open_lane(done.lane);
  lane.owed = Owed::kNothing;
  lane.overdue = false;
  if (!lane.is_slot()) lane.told_incarnation = report.incarnation;
  world_.note("lane {}: turn done, next {}, done to {}", number(done.lane),
              static_cast<std::int64_t>(done.next),
              done.finished.empty() ? -1 : done.finished.back().end);
  if (lane.is_intake()) hear_intake(lane, report);
  if (lane.is_slot() && !lane.released) hear_finished(lane, done);
  switch (done.next) {
    case TurnDone::Next::kFailed:
      return expect_rerun(lane, lane.failures, done.failure.retry_after);
    case TurnDone::Next::kStopped:
      lane.stopped = true;
      return;
    case TurnDone::Next::kLinger:
      lane.due = done.linger_until;
      return;
    case TurnDone::Next::kMore:
      lane.signalled = true;
      return;
    case TurnDone::Next::kDrained:
      return;
  }
}

void Member::hear_intake(LaneModel& intake, const TurnReport& report) {
  const auto& offsets = report.offsets;
  if (!offsets.empty()) {
    if (offsets.front() < intake.received_to) {
      expect(intake.unfinished.empty(), "a log that began again was taken in too early");
      intake.finished_to = 0;
    }
    intake.received_to = offsets.back() + 1;
  }
  intake.unfinished.insert(offsets.begin(), offsets.end());
  intake.past_watermark.insert(intake.past_watermark.end(), offsets.begin(), offsets.end());
  expect(intake.past_watermark.size() <= policy_of(intake).max_ahead,
         "an intake took in more than it may");
  for (auto& [id, lane] : lanes_) {
    if (lane.source != intake.id || !lane.is_slot()) continue;
    for (const SlotFill& fill : report.done.fills) {
      if (static_cast<std::size_t>(fill.slot) == lane.slot) lane.signalled = true;
    }
  }
}

void Member::hear_finished(LaneModel& lane, const TurnDone& done) {
  LaneModel& intake = source_of(lane);
  for (const OffsetRange& range : done.finished) {
    intake.unfinished.erase(intake.unfinished.lower_bound(range.begin),
                            intake.unfinished.lower_bound(range.end));
    intake.finished_to = std::max(intake.finished_to, range.end);
  }
  auto& past = intake.past_watermark;
  while (!past.empty() &&
         (intake.unfinished.empty() || past.front() < *intake.unfinished.begin())) {
    past.pop_front();
  }
}

void Member::expect_rerun(LaneModel& lane, std::uint32_t failures, Duration asked) {
  const HandlerPolicy& policy = policy_of(lane);
  Duration full = policy.backoff;
  for (std::uint32_t i = 1; i < failures; ++i) full = std::min(full * 2, policy.backoff_max);
  full = std::min(full, policy.backoff_max);
  const TimePoint now = world_.schedule.now();
  lane.not_before = now + (asked > Duration{0} ? asked : full / 2);
  lane.due = now + (asked > Duration{0} ? asked : full);
}

void Member::hear(const LaneEnded& ended) {
  world_.note("lane {}: ended", number(ended.lane));
  LaneModel& lane = open_lane(ended.lane);
  lane.owed = Owed::kNothing;
  lane.ended = true;
  if (!lane.over_since) lane.over_since = world_.schedule.now();
}

void Member::hear(const CommitDone& done) {
  world_.note("commit {}: answered {}", static_cast<std::size_t>(done.commit), done.ok);
  --commits_under_way_;
  for (auto& [id, lane] : lanes_) {
    const auto at = lane.commits.find(done.commit);
    if (at == lane.commits.end()) continue;
    lane.unanswered.erase(done.commit);
    // An earlier commit of the same offset is as good as the last one.
    const bool same = at->second == lane.last_offset;
    const bool last = std::next(at) == lane.commits.end();
    if (last || (same && done.ok)) lane.last_commit_answered = true;
    if (same && done.ok) lane.last_commit_ok = true;
  }
}

void Member::hear(const AddHandler& event) {
  world_.note("handler {}: added", static_cast<std::size_t>(event.handler));
  HandoverModel& handover = handovers_[static_cast<std::size_t>(event.handler)];
  handover = HandoverModel(event.policy);
  handover.active = GenerationNumber{};
  pauses_[event.handler] = false;
}

void Member::hear(const Pause& event) {
  world_.note("handler {}: paused {}", static_cast<std::size_t>(event.handler), event.paused);
  pauses_.at(event.handler) = event.paused;
}

void Member::hear(const Quiet&) {
  world_.note("quiet");
  quiet_ = true;
}

void Member::hear(const Stop& stop) {
  world_.note("stop");
  if (stopping_) return;
  quiet_ = stopping_ = true;
  stop_deadline_ = stop.deadline;
  stop_commit_deadline_ =
      std::min(stop.commit_deadline, stop.deadline + world_.settings.dispatcher.commit_timeout);
  if (revoke_deadline_) revoke_deadline_ = std::min(*revoke_deadline_, stop.deadline);
  if (unassign_due_) unassign_due_ = std::min(*unassign_due_, stop_commit_deadline_);
  for (auto& [id, lane] : lanes_) {
    if (!lane.closing) reasons_[lane.partition] = EndReason::kStopping;
    lane.closing = true;
  }
}

}  // namespace moult::sim
