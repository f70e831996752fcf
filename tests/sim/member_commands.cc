// What a member does when its dispatcher commands, and the rules each command is held to.

#include <algorithm>

#include "tests/sim/member.h"

namespace moult::sim {

namespace {

/// How late a poller that was woken may come.
constexpr Duration kSlack = std::chrono::milliseconds(5);

}  // namespace

void Member::obey() {
  for (const Command& command : dispatcher_.take_commands()) {
    std::visit([this](const auto& it) { obey(it); }, command);
    if (!*alive_) return;
  }
}

LaneModel& Member::open_lane(LaneId id) {
  const auto at = lanes_.find(id);
  expect(at != lanes_.end(), "a lane is named that is not open");
  return at->second;
}

/// The lane that has the partition now; not those that outstay it.
LaneModel* Member::lane_of(std::size_t partition) {
  for (auto& [id, lane] : lanes_) {
    if (lane.partition == partition && !lane.released && !lane.is_slot()) return &lane;
  }
  return nullptr;
}

/// With its slots.
std::vector<LaneModel*> Member::lanes_of(std::size_t partition) {
  std::vector<LaneModel*> lanes;
  for (auto& [id, lane] : lanes_) {
    if (lane.partition == partition && !lane.released) lanes.push_back(&lane);
  }
  return lanes;
}

const HandlerPolicy& Member::policy_of(const LaneModel& lane) const {
  return handover(lane.handler).policy;
}

bool Member::has_elder(const LaneModel& lane) const {
  return std::ranges::any_of(lanes_, [&](const auto& entry) {
    return entry.second.partition == lane.partition && entry.second.source < lane.source;
  });
}

void Member::obey(const OpenLane& command) {
  const std::size_t p = world_.index_of(command.partition);
  world_.note("  open lane {} on p{}", number(command.lane), static_cast<std::int64_t>(p));
  expect(opening_.erase(p) == 1, "a lane was opened on a partition that is not being assigned");
  expect(lane_of(p) == nullptr, "a partition has two lanes");
  expect(!graves_.contains(command.lane), "a lane's name was used again");
  expect(command.handler == world_.partitions[p].handler, "a lane has the wrong handler");
  LaneModel lane;
  lane.id = lane.source = command.lane;
  lane.partition = p;
  lane.handler = command.handler;
  lane.generation = command.generation;
  expect(lane.generation == handover_of(lane).active, "a lane is opened on another generation");
  lane.told_incarnation = lane.incarnation = world_.partitions[p].incarnation();
  const std::size_t key_slots =
      world_.settings.handlers[static_cast<std::size_t>(lane.handler)].key_slots;
  if (key_slots > 0) lane.board = std::make_shared<SlotBoard>(key_slots);
  expect(lanes_.emplace(command.lane, std::move(lane)).second, "a lane was opened twice");
  queues_[p].attached = command.lane;
}

void Member::obey(const OpenSlot& command) {
  world_.note("  open lane {}, slot {} of {}", number(command.lane),
              static_cast<std::int64_t>(command.slot),
              static_cast<std::int64_t>(number(command.intake)));
  const LaneModel& intake = open_lane(command.intake);
  expect(intake.is_intake(), "a slot of a lane that is no intake");
  expect(!intake.closing, "a slot is opened of an intake that ends");
  LaneModel lane;
  lane.id = command.lane;
  lane.source = command.intake;
  lane.partition = intake.partition;
  lane.handler = intake.handler;
  lane.generation = command.generation;
  expect(lane.generation == handover_of(lane).active, "a lane is opened on another generation");
  lane.board = intake.board;
  lane.slot = static_cast<std::size_t>(command.slot);
  lane.evicted = intake.evicted;
  lane.signalled = true;
  expect(lane.slot < lane.board->size(), "a slot that its intake does not have");
  for (const LaneModel* other : lanes_of(lane.partition)) {
    expect(!other->is_slot() || other->slot != lane.slot, "a slot has two lanes");
  }
  expect(!graves_.contains(command.lane), "a lane's name was used again");
  expect(lanes_.emplace(command.lane, std::move(lane)).second, "a lane was opened twice");
}

void Member::give(LaneModel& lane, Owed task) {
  expect(!lane.ended, "an ended lane is given work");
  expect(!has_elder(lane), "a lane is given work before its partition's older lane was closed");
  expect(lane.owed == Owed::kNothing, "a lane has two tasks");
  const bool disturbs = task == Owed::kCreate || task == Owed::kTurn;
  expect(!lane.not_before || !disturbs || world_.schedule.now() >= *lane.not_before,
         "a failing lane was not left alone for its backoff");
  expect(!lane.stopped || !disturbs, "a lane that gave up is given work");
  lane.started = true;
  lane.asked_at = world_.schedule.now();
  lane.owed = task;
  lane.not_before.reset();
  lane.due.reset();
  workers_.post(lane);
}

void Member::obey(const CreateInstance& command) {
  world_.note("  create instance, lane {}", number(command.lane));
  LaneModel& lane = open_lane(command.lane);
  expect(!lane.has_instance, "a lane gets a second instance");
  expect(!lane.closing, "an instance is made for a lane that ends");
  give(lane, Owed::kCreate);
}

void Member::obey(const RunTurn& command) {
  world_.note("  run turn, lane {}, attempt {}", number(command.lane), command.attempt);
  LaneModel& lane = open_lane(command.lane);
  expect(lane.has_instance || lane.is_intake(), "a turn is run without an instance");
  if (lane.is_intake()) {
    check_intake_turn(lane, command);
    lane.begins_again = lane.went_back;
  }
  if (lane.is_slot()) {
    expect(!takes_anew(source_of(lane)), "a slot may take what its intake has of the next log");
    expect(command.below <= source_of(lane).received_to, "a slot may take what was not told of");
  }
  expect(!pauses_.at(lane.handler), "a turn starts for a paused handler");
  expect(command.drains == (lane.closing && lane.is_slot()), "a drain turn is a slot's that ends");
  if (command.drains) {
    check_drain_turn(lane, command);
  } else {
    expect(!lane.closing, "a turn starts on a lane that ends");
    expect(!quiet_, "a turn starts while quiet");
  }
  check_generation(lane, command);
  lane.turn = command;
  lane.held_back = false;
  lane.deadline = policy_of(lane).deadline;
  lane.deadline_at = world_.schedule.now() + lane.deadline;
  const bool again = !lane.held.empty() && lane.failing == lane.held.front().offset;
  expect(command.attempt == (again ? lane.failures + 1 : 1), "the attempt is counted wrong");
  lane.signalled = false;
  give(lane, Owed::kTurn);
}

bool Member::slot_runs(const LaneModel& intake) const {
  return std::ranges::any_of(lanes_, [&](const auto& entry) {
    const LaneModel& slot = entry.second;
    return slot.is_slot() && slot.source == intake.id && slot.owed == Owed::kTurn;
  });
}

/// Its records are of a log that began again, and nobody was told of them.
bool Member::takes_anew(const LaneModel& intake) {
  return intake.owed == Owed::kTurn && intake.begins_again;
}

void Member::check_intake_turn(const LaneModel& intake, const RunTurn& turn) const {
  expect(turn.room > 0, "an intake runs without room");
  expect(!intake.went_back || !slot_runs(intake),
         "a slot may take records of a log that began again for older ones");
  expect(intake.past_watermark.size() + turn.room <= policy_of(intake).max_ahead,
         "an intake has too much room");
  expect(kRecordBytes * intake.past_watermark.size() < policy_of(intake).max_ahead_bytes,
         "an intake runs with too many bytes ahead");
}

TimePoint Member::drain_deadline(const LaneModel& lane) const {
  const bool stopping = reasons_.at(lane.partition) == EndReason::kStopping;
  return stopping ? *stop_deadline_ : *revoke_deadline_;
}

/// On its way out a slot goes on with what would be handled twice, and nothing else.
void Member::check_drain_turn(LaneModel& slot, const RunTurn& turn) {
  const LaneModel& intake = source_of(slot);
  expect(turn.below <= intake.finished_to, "a slot on its way out takes more than it has to");
  expect(!intake.unfinished.empty() && *intake.unfinished.begin() < intake.finished_to,
         "a slot on its way out runs for nothing");
  expect(world_.schedule.now() < drain_deadline(slot), "a slot drains past its deadline");
}

void Member::obey(const HoldBack& command) {
  world_.note("  hold back, lane {}", number(command.lane));
  LaneModel& lane = open_lane(command.lane);
  expect(lane.owed == Owed::kTurn, "a lane is held back that has no turn");
  expect(!lane.turn.drains || pauses_.at(lane.handler), "a drain is held back");
  lane.held_back = true;
}

void Member::obey(const Overdue& command) {
  world_.note("  overdue, lane {}", number(command.lane));
  LaneModel& lane = open_lane(command.lane);
  expect(lane.owed == Owed::kTurn && !lane.overdue, "a lane is overdue for nothing");
  const TimePoint now = world_.schedule.now();
  expect(lane.deadline > Duration{0} && now >= lane.deadline_at,
         "a lane is overdue before its deadline");
  const Duration ran = lane.batch_since ? now - *lane.batch_since : Duration{0};
  expect(command.deadline == lane.deadline, "a lane is overdue by another one's deadline");
  if (ran < command.deadline) {
    lane.deadline_at = now + (command.deadline - ran);
    return dispatcher_.on(BatchYounger{command.lane, ran}, now);
  }
  lane.overdue = true;
}

void Member::obey(const CancelLane& command) {
  world_.note("  cancel lane {}", number(command.lane));
  LaneModel& lane = open_lane(command.lane);
  expect(lane.closing, "a lane is cancelled that does not end");
  expect(lane.owed != Owed::kNothing || lane.cancelled, "a lane is cancelled that does nothing");
  const bool lost = reasons_[lane.partition] == EndReason::kLost;
  const TimePoint now = world_.schedule.now();
  expect(lost || (revoke_deadline_ && now >= *revoke_deadline_) ||
             (stop_deadline_ && now >= *stop_deadline_),
         "a lane is cancelled before its deadline");
  lane.cancelled = true;
  if (!lane.over_since) lane.over_since = now;
  workers_.cancelled(lane);
}

void Member::obey(const EndLane& command) {
  world_.note("  end lane {}, reason {}", number(command.lane),
              static_cast<std::int64_t>(command.reason));
  LaneModel& lane = open_lane(command.lane);
  expect(lane.closing, "a lane ends that nobody wants back");
  expect(lane.released || command.reason == reasons_[lane.partition],
         "a lane ends for a wrong reason");
  expect(command.deadline != kNever, "a lane ends without a deadline");
  if (lane.is_slot() && !lane.released) check_left_behind(lane);
  lane.took_standby_along = true;
  give(lane, Owed::kEnd);
}

/// A slot that fails, that gave up, that is paused or that has no time left may end with records
/// that lie below finished ones: those are then handled again.
void Member::check_left_behind(const LaneModel& slot) {
  const bool holds = !slot.held.empty() || !(*slot.board)[slot.slot].empty();
  const bool late =
      reasons_[slot.partition] == EndReason::kLost || world_.schedule.now() >= drain_deadline(slot);
  if (holds && (slot.not_before || slot.stopped || late || pauses_.at(slot.handler)))
    world_.partitions[slot.partition].excuse();
}

void Member::obey(const CloseLane& command) {
  world_.note("  close lane {}", number(command.lane));
  LaneModel& lane = open_lane(command.lane);
  expect(lane.owed == Owed::kNothing, "a lane is closed while a worker has it");
  expect(lane.ended || !lane.started, "a lane is closed before it ended");
  expect(!lane.has_instance, "a lane is closed with its instance");
  expect(lane.closing, "a lane is closed that nobody wants back");
  if (!lane.released) check_release(lane);
  lane.released = true;
  // Kept, as what was scheduled for it may still look at it.
  graves_.insert(lanes_.extract(command.lane));
}

void Member::check_offset(LaneModel& lane, Offset offset) {
  const Partition& log = world_.partitions[lane.partition];
  expect(lane.disturbed || !lane.last_offset || offset >= *lane.last_offset, "a commit goes back");
  lane.last_offset = offset;
  // After the log was cut a lane may be right to commit what the old one had.
  if (lane.disturbed) return;
  expect(offset <= log.end(), "a commit passes the end of its partition");
  for (; lane.checked_to < offset; ++lane.checked_to) {
    const auto id = log.at(lane.checked_to);
    expect(!id || world_.ledger.settled(*id), "a commit passes an unfinished record");
  }
}

void Member::obey(const Commit& command) {
  CommitRequest request{command.commit, {}};
  std::set<std::size_t> seen;
  for (const CommitOffset& part : command.offsets) {
    LaneModel& lane = open_lane(part.lane);
    world_.note("  commit {}: lane {}, offset {}", static_cast<std::size_t>(command.commit),
                static_cast<std::int64_t>(number(part.lane)), part.offset);
    expect(!lane.released, "a commit for a partition that is not ours");
    expect(!(lane.closing && reasons_[lane.partition] == EndReason::kLost),
           "a commit for a lost partition");
    expect(seen.insert(lane.partition).second, "a partition is twice in one commit");
    check_offset(lane, part.offset);
    lane.commits.emplace(command.commit, part.offset);
    lane.unanswered.insert(command.commit);
    lane.last_commit_at = world_.schedule.now();
    lane.last_commit_answered = lane.last_commit_ok = false;
    request.parts.push_back({lane.partition, part.offset, lane.told_incarnation});
  }
  expect(!seen.empty(), "an empty commit");
  ++commits_under_way_;
  broker_.commit(std::move(request), [this, id = command.commit, alive = alive_](bool ok) {
    if (*alive) post(CommitDone{id, ok});
  });
}

/// Until when the commits of a partition on its way out are waited for.
TimePoint Member::commit_deadline(const LaneModel& lane) const {
  const TimePoint since = lane.over_since.value_or(lane.last_commit_at);
  return std::min(since + world_.settings.dispatcher.commit_timeout, stop_commit_deadline_);
}

void Member::check_wait_for_commit(const LaneModel& lane) const {
  expect(lane.last_commit_answered || world_.schedule.now() >= commit_deadline(lane),
         "a partition is released before its last commit was answered");
}

/// The group goes on where the last commit of a partition on its way out says.
void Member::check_committed(const LaneModel& lane) {
  if (!lane.last_offset || lane.disturbed) return;
  Partition& partition = world_.partitions[lane.partition];
  const bool overtakes = std::ranges::any_of(
      lane.unanswered, [&](CommitId id) { return lane.commits.at(id) != lane.last_offset; });
  const bool rewound = lane.last_commit_ok && partition.committed() != lane.last_offset;
  if (world_.schedule.now() >= commit_deadline(lane)) {
    if (overtakes || rewound) partition.excuse();
    return;
  }
  expect(!overtakes, "a commit is under way that may take the place of a release's");
  expect(!rewound, "a release leaves the group behind its last commit");
}

void Member::check_release(LaneModel& lane) {
  const bool lost = reasons_[lane.partition] == EndReason::kLost;
  if (!lost && !lane.is_slot()) check_wait_for_commit(lane);
  const bool overstays = lane.cancelled || !lane.ended;
  if (lost || lane.evicted || !lane.last_commit_ok || overstays) {
    world_.partitions[lane.partition].excuse();
  } else if (!lane.is_slot()) {
    check_committed(lane);
  }
}

void Member::obey(const Unassign& command) {
  std::vector<std::size_t> partitions;
  for (const TopicPartition& name : command.partitions) {
    const std::size_t p = world_.index_of(name);
    world_.note("  unassign p{}", p);
    expect(releasing_.erase(p) == 1, "a partition is unassigned that nobody wants back");
    partitions.push_back(p);
    owned_.erase(p);
    stop_fetching(p);
    for (LaneModel* lane : lanes_of(p)) {  // those that have not ended
      expect(lane->cancelled, "a partition is released under a lane that was not cancelled");
      check_release(*lane);
      lane->released = true;
    }
  }
  expect(releasing_.empty(), "a partition of the release was forgotten");
  losing_ = false;
  revoke_deadline_.reset();
  unassign_due_.reset();
  calls_.unassigned(partitions);
}

void Member::obey(const Stopped& command) {
  world_.note("  stopped, {} unfinished", command.unfinished.size());
  expect(stopping_ && !stopped_, "stopped without a stop");
  stopped_ = true;
  const bool rests = std::ranges::all_of(
      lanes_, [](const auto& entry) { return entry.second.owed == Owed::kNothing; });
  const bool clean = command.unfinished.empty();
  expect(!clean || rests, "stopped while a worker still has a lane");
  expect(clean || world_.schedule.now() >= *stop_deadline_, "stopped too early");
  for (const LaneId id : command.unfinished) open_lane(id);
  for (const auto& [id, lane] : lanes_) {
    if (!lane.released && !lane.evicted) check_wait_for_commit(lane);
  }
  calls_.stopped(clean);
}

// ---- Rules that hold whenever the poller goes back to wait --------------------------------------

void Member::check_due(const LaneModel& lane) const {
  expect(!pauses_.at(lane.handler) || lane.owed != Owed::kTurn || lane.held_back || lane.released ||
             lane.cancelled,
         "a turn that waits for a worker may begin for a paused handler");
  if (quiet_ || pauses_.at(lane.handler) || lane.closing) return;
  if (lane.owed != Owed::kNothing || has_elder(lane)) return;
  if (lane.due) {
    expect(world_.schedule.now() <= *lane.due + kSlack, "a waiting lane was not woken");
  }
  if (lane.not_before || lane.stopped) return;
  if (lane.is_intake()) {
    expect(!lane.signalled || !lane.unfinished.empty() || (lane.went_back && slot_runs(lane)),
           "an intake with room waits for nothing");
    return;
  }
  expect(lane.has_instance, "a lane without an instance waits for nothing");
  const bool waits_for_intake = lane.is_slot() && takes_anew(lanes_.at(lane.source));
  expect(!lane.signalled || waits_for_intake, "a lane with a full queue waits for nothing");
}

void Member::check_trouble(TimePoint next_tick) const {
  Trouble trouble;
  for (const auto& [id, lane] : lanes_) {
    if (lane.stopped && lane.owed == Owed::kNothing && !lane.ended) ++trouble.stopped;
    if (lane.overdue) ++trouble.overdue;
    expect(lane.overdue || lane.owed != Owed::kTurn || lane.deadline == Duration{0} ||
               next_tick <= lane.deadline_at,
           "nobody looks at a batch when its deadline comes");
  }
  expect(dispatcher_.trouble() == trouble, "the trouble is counted wrong");
}

void Member::check_bounds() const {
  const TimePoint now = world_.schedule.now();
  expect(!unassign_due_ || now <= *unassign_due_ + kSlack, "a release takes too long");
  expect(!stop_deadline_ || stopped_ || now <= stop_commit_deadline_ + kSlack,
         "the stop takes too long");
  expect(dispatcher_.assignment().size() == owned_.size(), "the assignment is not the group's");
}

void Member::check_handlers() const {
  for (const auto& [handler, paused] : pauses_) {
    expect(dispatcher_.paused(handler) == paused, "a pause is told wrong");
    expect(dispatcher_.has_lanes(handler) == has_lanes(handler),
           "whether lanes are left is told wrong");
  }
}

}  // namespace moult::sim
