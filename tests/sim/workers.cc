#include "tests/sim/workers.h"

#include <algorithm>

namespace moult::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

void Workers::post(LaneModel& lane) {
  // An exchange goes before what waits for a worker.
  if (lane.owed == Owed::kSwap) {
    waiting_.push_front(&lane);
  } else {
    waiting_.push_back(&lane);
  }
  start_waiting();
}

void Workers::start_waiting() {
  while (busy_slots_ < world_.settings.slots && !waiting_.empty()) {
    LaneModel* lane = waiting_.front();
    waiting_.pop_front();
    ++busy_slots_;
    start(*lane);
  }
}

void Workers::start(LaneModel& lane) {
  if (delivering_.contains(lane.id)) return resume(lane);
  const bool alone = active_.emplace(place_of(lane), lane.id).second;
  expect(alone, "two calls of one partition, or of one of its slots, at once");
  switch (lane.owed) {
    case Owed::kCreate:
      return create(lane);
    case Owed::kTurn:
      return lane.is_intake() ? begin_intake(lane) : begin_turn(lane);
    case Owed::kSwap:
      return swap(lane);
    case Owed::kEnd:
      return end(lane);
    case Owed::kNothing:
      expect(false, "a worker was given nothing to do");
  }
}

/// Nothing that happens at one place may overlap.
std::pair<std::size_t, std::size_t> Workers::place_of(const LaneModel& lane) {
  return {lane.partition, lane.is_slot() ? lane.slot + 1 : 0};
}

const HandlerSettings& Workers::handler_of(const LaneModel& lane) const {
  return world_.settings.handlers[static_cast<std::size_t>(lane.handler)];
}

void Workers::create(LaneModel& lane) {
  const bool ok = !world_.random.chance(world_.faults.create_fails);
  lane.has_instance = ok;
  reply_after(lane, world_.random.between(microseconds(50), microseconds(5000)),
              InstanceCreated{lane.id, ok});
}

void Workers::create_standby(LaneModel& lane) {
  const bool ok = !world_.random.chance(world_.faults.create_fails);
  const bool slow = world_.random.chance(world_.faults.create_slow);
  const bool begins_late = world_.random.chance(0.5);
  const Duration wait = slow ? world_.random.between(milliseconds(5), milliseconds(3000))
                             : world_.random.between(microseconds(50), microseconds(10'000));
  world_.schedule.after(wait, [this, &lane, ok, begins_late, alive = alive_] {
    if (!*alive) return;
    const bool dropped = begins_late && lane.took_standby_along;
    report_(StandbyCreated{lane.id, ok && !dropped, dropped ? "its lane ended" : "not created"});
  });
}

/// Its records stay where they are.
void Workers::swap(LaneModel& lane) {
  const bool ok = !world_.random.chance(world_.faults.swap_refused);
  const bool slow = world_.random.chance(world_.faults.swap_slow);
  reply_after(lane,
              slow ? world_.random.between(milliseconds(5), milliseconds(6000))
                   : world_.random.between(microseconds(10), microseconds(5000)),
              LaneSwapped{lane.id, ok, ok ? "" : "not imported"});
}

void Workers::end(LaneModel& lane) {
  const bool slow = world_.random.chance(world_.faults.revoked_slow);
  lane.has_instance = false;
  lane.held.clear();
  if (lane.is_slot()) (*lane.board)[lane.slot].clear();
  reply_after(lane,
              slow ? world_.random.between(milliseconds(1), milliseconds(6000))
                   : world_.random.between(microseconds(10), microseconds(1000)),
              LaneEnded{lane.id});
}

void Workers::begin_turn(LaneModel& lane) {
  expect(lane.has_instance, "a turn without an instance");
  Turn turn;
  turn.report.done.lane = lane.id;
  if (lane.held_back) {
    turn.report.incarnation = lane.incarnation;
    turn.report.done.next = TurnDone::Next::kMore;
    return reply_after(lane, microseconds(5), turn.report);
  }
  expect(!lane.closing || lane.turn.drains || lane.cancelled, "a lane that ends begins a batch");
  // A cancelled lane must not take from a queue that may be its successor's already.
  if (!lane.cancelled) lane.is_slot() ? pull_slot(lane, turn) : pull(lane, turn);
  turn.report.incarnation = lane.incarnation;
  TurnDone& done = turn.report.done;
  done.next = turn.full ? TurnDone::Next::kMore : TurnDone::Next::kDrained;
  if (lane.cancelled || lane.held.empty() || lane.held.front().offset >= lane.turn.below) {
    return reply_after(lane, microseconds(5), turn.report);
  }
  if (lingers(lane, turn)) {
    done.next = TurnDone::Next::kLinger;
    done.linger_until = *lane.gathering_since + world_.settings.linger;
    return reply_after(lane, microseconds(5), turn.report);
  }
  hand_batch(lane, std::move(turn));
}

/// The records are with the slots at once, and are told later: a slot may be faster.
void Workers::begin_intake(LaneModel& lane) {
  TurnReport report;
  report.done.lane = lane.id;
  if (lane.held_back) {
    report.incarnation = lane.incarnation;
    report.done.went_back = lane.went_back;
    report.done.next = TurnDone::Next::kMore;
    return reply_after(lane, microseconds(5), report);
  }
  auto& items = queues_[lane.partition].items;
  while (!lane.cancelled && !items.empty() && !report.done.went_back) {
    const QueueItem item = items.front();
    const bool back = item.offset < lane.position && item.record && !lane.went_back;
    if (item.record && report.offsets.size() >= lane.turn.room) break;
    if (back) {
      report.done.went_back = true;
    } else {
      items.pop_front();
      spread(lane, report, item);
    }
  }
  lane.went_back = report.done.went_back || (lane.went_back && report.offsets.empty());
  report.done.went_back = lane.went_back;
  report.incarnation = lane.incarnation;
  const bool more = !lane.cancelled && !items.empty();
  report.done.next = more ? TurnDone::Next::kMore : TurnDone::Next::kDrained;
  reply_after(lane, world_.random.between(microseconds(5), microseconds(3000)), report);
}

void Workers::spread(LaneModel& lane, TurnReport& report, const QueueItem& item) {
  TurnDone& done = report.done;
  if (!item.record) {
    done.end = item.offset;
    if (item.offset < lane.position) return;
    lane.position = item.offset;
    lane.incarnation = item.incarnation;
    return;
  }
  lane.incarnation = item.incarnation;
  lane.went_back = false;
  if (done.received.empty()) done.received = {item.offset, item.offset};
  // Offsets without a record are nobody else's to finish.
  if (item.offset > done.received.end) done.finished.push_back({done.received.end, item.offset});
  done.received.end = lane.position = item.offset + 1;
  done.end.reset();
  ++done.received_records;
  done.received_bytes += kRecordBytes;
  report.offsets.push_back(item.offset);
  // The record's key.
  const std::size_t slot = static_cast<std::size_t>(*item.record) * 7 / 3 % lane.board->size();
  (*lane.board)[slot].push_back({item.offset, *item.record});
  for (SlotFill& fill : done.fills) {
    if (fill.slot == SlotIndex{static_cast<std::uint32_t>(slot)}) return void(++fill.records);
  }
  done.fills.push_back({SlotIndex{static_cast<std::uint32_t>(slot)}, 1});
}

void Workers::pull_slot(LaneModel& lane, Turn& turn) {
  // Who tries again does not pull, and does not know whether there is more.
  turn.full = lane.turn.attempt > 1;
  if (turn.full) return;
  auto& records = (*lane.board)[lane.slot];
  while (!records.empty() && records.front().offset < lane.turn.below) {
    if (lane.held.size() >= world_.settings.max_records) {
      turn.full = true;
      return;
    }
    if (lane.held.empty()) lane.gathering_since = world_.schedule.now();
    lane.held.push_back(records.front());
    records.pop_front();
  }
}

void Workers::pull(LaneModel& lane, Turn& turn) {
  auto& items = queues_[lane.partition].items;
  while (!items.empty()) {
    const QueueItem item = items.front();
    const bool back = item.offset < lane.position && item.record;
    // A log that begins again must wait until what was pulled before is finished and told.
    if (back && (!lane.held.empty() || !turn.report.done.received.empty())) {
      turn.full = turn.stepped_back = true;
      return;
    }
    if (item.record && lane.held.size() >= world_.settings.max_records) {
      turn.full = true;
      return;
    }
    items.pop_front();
    take(lane, turn, item);
  }
}

void Workers::take(LaneModel& lane, Turn& turn, const QueueItem& item) {
  TurnDone& done = turn.report.done;
  if (!item.record) {
    done.end = item.offset;
    if (item.offset < lane.position) return;
    lane.position = item.offset;
  } else {
    if (lane.held.empty()) lane.gathering_since = world_.schedule.now();
    if (done.received.empty()) done.received.begin = item.offset;
    done.received.end = item.offset + 1;
    done.end.reset();
    lane.held.push_back({item.offset, *item.record});
    lane.position = item.offset + 1;
  }
  lane.incarnation = item.incarnation;
}

bool Workers::lingers(const LaneModel& lane, const Turn& turn) const {
  return !turn.stepped_back && !lane.turn.drains && lane.verdicts.empty() &&
         lane.held.size() < world_.settings.max_records &&
         lane.failing != lane.held.front().offset &&
         world_.schedule.now() < *lane.gathering_since + world_.settings.linger;
}

Duration Workers::draw_batch_time() {
  if (world_.random.chance(world_.faults.turn_hangs)) {
    return world_.random.between(seconds(2), seconds(40));
  }
  return world_.random.between(microseconds(20), microseconds(20'000));
}

void Workers::hand_batch(LaneModel& lane, Turn turn) {
  world_.note("lane {}: batch from {}, {} records", static_cast<std::size_t>(lane.id),
              lane.held.front().offset, static_cast<std::int64_t>(lane.held.size()));
  lane.batch_since = world_.schedule.now();
  if (lane.verdicts.contains(lane.held.front().offset)) {
    judge_standing(lane, turn);
    return deliver(lane, std::move(turn));
  }
  judge_batch(lane, turn);
  const std::uint64_t token = ++last_token_;
  running_.emplace(lane.id, Running{&lane, std::move(turn), token});
  world_.schedule.after(draw_batch_time(), [this, &lane, token, alive = alive_] {
    if (!*alive) return;
    const auto at = running_.find(lane.id);
    if (at != running_.end() && at->second.token == token) end_batch(lane);
  });
}

/// What the handler will say to each record, up to the first that stays.
void Workers::judge_batch(LaneModel& lane, Turn& turn) {
  for (const Record& record : lane.held) {
    if (record.offset >= lane.turn.below || lane.verdicts.contains(record.offset)) return;
    if (!world_.ledger.fails(record.id)) {
      turn.outcomes.push_back(Outcome::kDone);
    } else if (!judge_failure(lane, turn)) {
      turn.fails = true;
      return;
    }
  }
}

/// True when the record is given up, and the batch goes on behind it.
bool Workers::judge_failure(const LaneModel& lane, Turn& turn) {
  const HandlerSettings& handler = handler_of(lane);
  const std::uint32_t attempt = turn.outcomes.empty() ? lane.turn.attempt : 1;
  if (handler.give_up == GiveUp::kNever || attempt < handler.max_attempts) return false;
  turn.stops = handler.give_up == GiveUp::kStop;
  if (turn.stops) return false;
  const bool copied = handler.give_up == GiveUp::kDeadLetter;
  turn.outcomes.push_back(copied ? Outcome::kDeadLetter : Outcome::kDone);
  return true;
}

/// A dead letter was not delivered: no handler is called for what it and those behind it need.
void Workers::judge_standing(LaneModel& lane, Turn& turn) {
  for (const Record& record : lane.held) {
    const auto verdict = lane.verdicts.find(record.offset);
    if (verdict == lane.verdicts.end() || record.offset >= lane.turn.below) return;
    turn.outcomes.push_back(verdict->second ? Outcome::kDone : Outcome::kDeadLetter);
  }
}

/// The handler returned.
void Workers::end_batch(LaneModel& lane) {
  const auto at = running_.find(lane.id);
  Turn turn = std::move(at->second.turn);
  running_.erase(at);
  if (std::ranges::count(turn.outcomes, Outcome::kDeadLetter) > 0) {
    deliver(lane, std::move(turn));
  } else {
    end_turn(lane, std::move(turn));
  }
}

/// The turn leaves its worker until the broker has answered.
void Workers::deliver(LaneModel& lane, Turn turn) {
  world_.note("lane {}: waits for its dead letters", static_cast<std::size_t>(lane.id));
  delivering_.emplace(lane.id, std::move(turn));
  const bool slow = world_.random.chance(world_.faults.delivery_slow);
  const Duration wait = slow ? world_.random.between(milliseconds(100), seconds(15))
                             : world_.random.between(microseconds(200), microseconds(10'000));
  world_.schedule.after(wait, [this, &lane, alive = alive_] {
    if (*alive) post(lane);
  });
  --busy_slots_;
  start_waiting();
}

void Workers::resume(LaneModel& lane) {
  Turn turn = std::move(delivering_.extract(lane.id).mapped());
  settle_deliveries(lane, turn);
  end_turn(lane, std::move(turn));
}

/// The first record whose dead letter was not delivered stays, and what was done behind it.
void Workers::settle_deliveries(LaneModel& lane, Turn& turn) {
  std::optional<std::size_t> first;
  for (std::size_t i = 0; i < turn.outcomes.size(); ++i) {
    const bool failed = turn.outcomes[i] == Outcome::kDeadLetter &&
                        world_.random.chance(world_.faults.delivery_fails);
    if (failed && !first) first = i;
    if (first) lane.verdicts[lane.held[i].offset] = !failed;
  }
  if (!first) return;
  turn.outcomes.resize(*first);
  turn.fails = true;
  turn.stops = false;
}

void Workers::end_turn(LaneModel& lane, Turn turn) {
  lane.batch_since.reset();
  TurnDone& done = turn.report.done;
  tell_finished(lane, done, turn.outcomes.size());
  finish_prefix(lane, turn.outcomes.size());
  // What was received and not finished starts at a record, past a gap before it.
  if (!lane.is_slot() && !done.finished.empty() && !lane.held.empty()) {
    done.finished.back().end = lane.held.front().offset;
  }
  if (turn.stops) {
    stop(lane, done);
  } else if (turn.fails) {
    fail(lane, done);
  } else {
    lane.failing.reset();
    if (!lane.held.empty() && lane.held.front().offset < lane.turn.below) {
      done.next = TurnDone::Next::kMore;
    }
  }
  this->done(lane, turn.report);
}

/// A whole partition's records are finished with the gaps between them; a slot's are not.
void Workers::tell_finished(LaneModel& lane, TurnDone& done, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const Offset offset = lane.held[i].offset;
    lane.verdicts.erase(offset);
    if (lane.is_slot() || i == 0) done.finished.push_back({offset, offset + 1});
    done.finished.back().end = offset + 1;
  }
}

void Workers::fail(LaneModel& lane, TurnDone& done) {
  const Offset offset = lane.held.front().offset;
  lane.failures = lane.failing == offset ? lane.failures + 1 : 1;
  lane.failing = offset;
  done.next = TurnDone::Next::kFailed;
  done.failure.offset = offset;
  if (world_.random.chance(0.2)) {
    done.failure.retry_after = world_.random.between(milliseconds(1), milliseconds(300));
  }
}

/// The attempt that used up what a record may have is not counted: it is what comes again.
void Workers::stop(LaneModel& lane, TurnDone& done) {
  const Offset offset = lane.held.front().offset;
  if (lane.failing != offset) lane.failing.reset();
  done.next = TurnDone::Next::kStopped;
  done.failure.offset = offset;
}

void Workers::finish_prefix(LaneModel& lane, std::size_t count) {
  const bool excused = lane.cancelled || lane.evicted;
  for (std::size_t i = 0; i < count; ++i) {
    const RecordId id = lane.held.front().id;
    expect(!lane.last_finished || id > *lane.last_finished, "a lane's records are out of order");
    lane.last_finished = id;
    world_.ledger.finish(id, excused);
    lane.held.pop_front();
  }
}

void Workers::cancelled(LaneModel& lane) {
  const auto at = running_.find(lane.id);
  if (at == running_.end() || !world_.random.chance(0.7)) return;
  const Duration notice = world_.random.between(microseconds(100), microseconds(50'000));
  world_.schedule.after(notice, [this, &lane, token = at->second.token, alive = alive_] {
    if (!*alive) return;
    const auto running = running_.find(lane.id);
    if (running != running_.end() && running->second.token == token) end_batch(lane);
  });
}

void Workers::reply_after(LaneModel& lane, Duration wait, WorkerReport report) {
  world_.schedule.after(wait, [this, &lane, report = std::move(report), alive = alive_] {
    if (*alive) done(lane, report);
  });
}

void Workers::done(LaneModel& lane, WorkerReport report) {
  active_.erase(place_of(lane));
  --busy_slots_;
  report_(std::move(report));
  start_waiting();
}

void Workers::crash() {
  *alive_ = false;
  for (auto& [id, running] : running_) {
    LaneModel& lane = *running.lane;
    finish_prefix(lane, world_.random.between(0, running.turn.outcomes.size()));
  }
}

}  // namespace moult::sim
