#include "tests/sim/workers.h"

#include <algorithm>

namespace moult::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

void Workers::post(LaneModel& lane) {
  waiting_.push_back(&lane);
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
  const bool alone = active_.emplace(lane.partition, lane.id).second;
  expect(alone, "two calls of one partition at once");
  switch (lane.owed) {
    case Owed::kCreate:
      return create(lane);
    case Owed::kTurn:
      return begin_turn(lane);
    case Owed::kEnd:
      return end(lane);
    case Owed::kNothing:
      expect(false, "a worker was given nothing to do");
  }
}

void Workers::create(LaneModel& lane) {
  const bool ok = !world_.random.chance(world_.faults.create_fails);
  lane.has_instance = ok;
  reply_after(lane, world_.random.between(microseconds(50), microseconds(5000)),
              InstanceCreated{lane.id, ok});
}

void Workers::end(LaneModel& lane) {
  const bool slow = world_.random.chance(world_.faults.revoked_slow);
  lane.has_instance = false;
  lane.held.clear();
  reply_after(lane,
              slow ? world_.random.between(milliseconds(1), milliseconds(6000))
                   : world_.random.between(microseconds(10), microseconds(1000)),
              LaneEnded{lane.id});
}

void Workers::begin_turn(LaneModel& lane) {
  expect(lane.has_instance, "a turn without an instance");
  Turn turn;
  turn.report.done.lane = lane.id;
  // A cancelled lane must not take from a queue that may be its successor's already.
  if (!lane.cancelled) pull(lane, turn);
  turn.report.incarnation = lane.incarnation;
  TurnDone& done = turn.report.done;
  done.next = turn.full ? TurnDone::Next::kMore : TurnDone::Next::kDrained;
  if (lane.cancelled || lane.held.empty()) {
    return reply_after(lane, microseconds(5), turn.report);
  }
  if (lingers(lane, turn)) {
    done.next = TurnDone::Next::kLinger;
    done.linger_until = *lane.gathering_since + world_.settings.linger;
    return reply_after(lane, microseconds(5), turn.report);
  }
  hand_batch(lane, std::move(turn));
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
  return !turn.stepped_back && lane.held.size() < world_.settings.max_records &&
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
  const auto failing = std::ranges::find_if(
      lane.held, [&](const Record& record) { return world_.ledger.fails(record.id); });
  if (failing != lane.held.end()) {
    turn.fails_at = static_cast<std::size_t>(failing - lane.held.begin());
  }
  const std::uint64_t token = ++last_token_;
  running_.emplace(lane.id, Running{&lane, std::move(turn), token});
  world_.schedule.after(draw_batch_time(), [this, &lane, token, alive = alive_] {
    if (!*alive) return;
    const auto at = running_.find(lane.id);
    if (at != running_.end() && at->second.token == token) end_turn(lane);
  });
}

void Workers::end_turn(LaneModel& lane) {
  const auto at = running_.find(lane.id);
  Turn turn = std::move(at->second.turn);
  running_.erase(at);
  TurnDone& done = turn.report.done;
  const std::size_t finished = turn.fails_at.value_or(lane.held.size());
  const Offset last = lane.held.back().offset;
  finish_prefix(lane, finished);
  if (turn.fails_at) {
    fail(lane, done);
    done.done_to = lane.held.front().offset;
  } else {
    lane.failing.reset();
    done.done_to = last + 1;
  }
  this->done(lane, turn.report);
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

void Workers::finish_prefix(LaneModel& lane, std::size_t count) {
  const bool excused = lane.cancelled || lane.evicted;
  for (std::size_t i = 0; i < count; ++i) {
    world_.ledger.finish(lane.held.front().id, excused);
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
    if (running != running_.end() && running->second.token == token) end_turn(lane);
  });
}

void Workers::reply_after(LaneModel& lane, Duration wait, WorkerReport report) {
  world_.schedule.after(wait, [this, &lane, report = std::move(report), alive = alive_] {
    if (*alive) done(lane, report);
  });
}

void Workers::done(LaneModel& lane, WorkerReport report) {
  active_.erase(lane.partition);
  --busy_slots_;
  report_(std::move(report));
  start_waiting();
}

void Workers::crash() {
  *alive_ = false;
  for (auto& [id, running] : running_) {
    LaneModel& lane = *running.lane;
    const std::size_t most = running.turn.fails_at.value_or(lane.held.size());
    finish_prefix(lane, world_.random.between(0, most));
  }
}

}  // namespace moult::sim
