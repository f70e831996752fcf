#include "runtime/workers/lane_runner.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace moult {
namespace {

// A turn goes on with further batches for so long: with one batch each, two posts and a wake-up of
// the poller were 7 % of the CPU of a counting handler. A slow one has one batch a turn, and
// whoever waits for a turn to end waits this much longer at most.
constexpr std::chrono::microseconds kTurnBudget{500};

}  // namespace

void HandlerCounters::count_batch(TimePoint started, TimePoint ended) {
  batches.fetch_add(1, std::memory_order_relaxed);
  Clock::rep none = 0;
  first_batch_at.compare_exchange_strong(none, started.time_since_epoch().count(),
                                         std::memory_order_relaxed);
  last_batch_at.store(ended.time_since_epoch().count(), std::memory_order_relaxed);
}

LaneRunner::LaneRunner(const OpenLane& lane, std::unique_ptr<kafka::PartitionSource> source,
                       std::shared_ptr<Generation> generation, BatchLimits limits,
                       HandlerCounters& counters, Logger log)
    : id_(lane.lane),
      identity_{lane.partition.topic, lane.partition.partition, lane.epoch},
      generation_(std::move(generation)),
      limits_(limits),
      counters_(counters),
      log_(log),
      source_(std::move(source)) {
  counters_.lanes.fetch_add(1, std::memory_order_relaxed);
}

Duration LaneRunner::running_for() const {
  const Clock::rep since = running_since_;
  return since == 0 ? Duration{0} : Clock::now().time_since_epoch() - Duration(since);
}

InstanceCreated LaneRunner::create() {
  auto made = generation_->create(identity_, *this);
  if (!made) {
    counters_.failures.fetch_add(1, std::memory_order_relaxed);
    log_.error("a handler could not make its instance, the lane waits",
               {{"topic", identity_.topic},
                {"partition", identity_.partition},
                {"error", made.error().message}});
    return {id_, false};
  }
  instance_ = std::move(*made);
  instance_->assigned();
  return {id_, true};
}

// ---- A turn -------------------------------------------------------------------------------------

TurnDone LaneRunner::turn(BatchView& view, std::uint32_t attempt) {
  TurnDone done;
  done.lane = id_;
  const TimePoint until = Clock::now() + kTurnBudget;
  while (take_batch(view, attempt, done) && attempt == 1 && !cancelled_ &&
         done.next == TurnDone::Next::kMore && Clock::now() < until) {
  }
  done.end = source_->take_end();
  return done;
}

/// One batch of the turn. False when the next one must be another turn's.
bool LaneRunner::take_batch(BatchView& view, std::uint32_t attempt, TurnDone& done) {
  // Without a pull nobody knows whether the queue is empty, and its event is spent.
  drained_ = false;
  if (attempt == 1 && !full() && !pull()) {
    done.next = TurnDone::Next::kDrained;
    return false;
  }
  if (gather_longer(attempt)) {
    done.next = TurnDone::Next::kLinger;
    done.linger_until = gathering_since_ + limits_.linger;
    return false;
  }
  const bool went_back =
      !done.received.empty() && records_held() > 0 && source_->offset(0) < done.received.end;
  if (records_held() > 0 && !went_back) run_batch(view, attempt, done);
  if (done.next == TurnDone::Next::kFailed) return false;
  const bool more = records_held() > 0 || !drained_;
  done.next = more ? TurnDone::Next::kMore : TurnDone::Next::kDrained;
  return !went_back;
}

void LaneRunner::cancel() {
  const std::lock_guard lock(pulling_);
  cancelled_ = true;
}

/// False when the lane is cancelled: its partition may be another lane's already, and what is
/// pulled here would be missing there.
bool LaneRunner::pull() {
  const std::lock_guard lock(pulling_);
  if (cancelled_) return false;
  const std::size_t before = records_held();
  const auto pulled = source_->pull(pull_limit());
  drained_ = pulled.drained;
  if (pulled.records == 0) return true;
  if (before == 0) gathering_since_ = Clock::now();
  std::uint64_t bytes = 0;
  for (std::size_t i = before; i < records_held(); ++i) bytes += source_->bytes(i);
  held_bytes_ += bytes;
  bytes_per_record_ = bytes / pulled.records;
  return true;
}

/// Librdkafka hands out records by number; the last pull tells how many make up the bytes.
std::uint32_t LaneRunner::pull_limit() const {
  const std::uint64_t by_records = limits_.max_records - records_held();
  const std::uint64_t by_bytes =
      (limits_.max_bytes - held_bytes_) / std::max<std::uint64_t>(bytes_per_record_, 1) + 1;
  return static_cast<std::uint32_t>(std::min(by_records, by_bytes));
}

/// A batch is what is there, unless the handler lets it gather for a while.
bool LaneRunner::gather_longer(std::uint32_t attempt) const {
  return attempt == 1 && limits_.linger > Duration{0} && records_held() > 0 && !full() &&
         drained_ && Clock::now() < gathering_since_ + limits_.linger;
}

/// How many of the held records make the next batch: bounded by number and bytes (never less than
/// one), and cut where offsets go back, for there the partition started anew.
std::size_t LaneRunner::batch_size() const {
  const std::size_t most = std::min<std::size_t>(records_held(), limits_.max_records);
  std::uint64_t bytes = source_->bytes(0);
  std::size_t count = 1;
  while (count < most && source_->offset(count) > source_->offset(count - 1)) {
    bytes += source_->bytes(count);
    if (bytes > limits_.max_bytes) break;
    ++count;
  }
  return count;
}

void LaneRunner::run_batch(BatchView& view, std::uint32_t attempt, TurnDone& done) {
  const std::size_t count = batch_size();
  const OffsetRange range{source_->offset(0), source_->offset(count - 1) + 1};
  // A re-run holds what an earlier turn reported, and maybe more behind it.
  const Offset begin = attempt == 1 ? range.begin : std::max(range.begin, reported_);
  done.received = {done.received.empty() ? begin : done.received.begin, range.end};
  reported_ = range.end;
  const moult_batch& batch =
      view.build(*source_, count, attempt, identity_, generation_->capabilities());
  running_begin_ = range.begin;
  running_end_ = range.end;
  const TimePoint started = Clock::now();
  running_since_ = started.time_since_epoch().count();
  const bool returned_ok = instance_->consume(batch);
  running_since_ = 0;
  running_begin_ = running_end_ = 0;
  counters_.count_batch(started, Clock::now());
  judge(view.outcomes(), returned_ok, done);
}

// ---- Outcomes -----------------------------------------------------------------------------------

/// The good prefix is finished; the first record that isn't stops the lane there.
void LaneRunner::judge(std::span<const moult_outcome> outcomes, bool returned_ok, TurnDone& done) {
  const auto bad = std::ranges::find_if(
      outcomes, [](const moult_outcome& outcome) { return outcome.code != MOULT_OK; });
  const auto good = static_cast<std::size_t>(bad - outcomes.begin());
  if (bad == outcomes.end()) return finish(good, done);
  done.next = TurnDone::Next::kFailed;
  done.failure.offset = source_->offset(good);
  done.failure.code = bad->error_code;
  done.failure.retry_after = Milliseconds(bad->code == MOULT_RETRY ? bad->retry_after_ms : 0);
  if (bad->error != nullptr) {
    done.failure.error.assign(bad->error, std::min<std::uint32_t>(bad->error_size, 1024));
  } else if (bad->code == MOULT_UNSET) {
    done.failure.error = returned_ok ? "the handler left this record without an outcome"
                                     : "the handler's consume failed";
  }
  counters_.failures.fetch_add(1, std::memory_order_relaxed);
  // What was received and not finished starts here, even with nothing finished.
  done.done_to = done.failure.offset;
  finish(good, done);
}

void LaneRunner::finish(std::size_t count, TurnDone& done) {
  if (count == 0) return;
  if (done.next != TurnDone::Next::kFailed) done.done_to = source_->offset(count - 1) + 1;
  for (std::size_t i = 0; i < count; ++i) held_bytes_ -= source_->bytes(i);
  source_->drop_front(count);
  counters_.records.fetch_add(count, std::memory_order_relaxed);
}

LaneEnded LaneRunner::end(EndReason reason, TimePoint deadline) {
  if (instance_) {
    instance_->revoked(reason, std::max<std::int64_t>(0, to_ms(deadline - Clock::now())));
    instance_.reset();
  }
  // The client waits for every record: none may outlive its lane.
  source_->drop_front(source_->size());
  held_bytes_ = 0;
  return {id_};
}

}  // namespace moult
