#include "runtime/workers/lane_runner.h"

#include <algorithm>
#include <utility>

#include "runtime/base/check.h"

namespace moult {
namespace {

// A turn goes on with further batches for so long: with one batch each, two posts and a wake-up of
// the poller were 7 % of the CPU of a counting handler. A slow one has one batch a turn, and
// whoever waits for a turn waits this much longer at most.
constexpr std::chrono::microseconds kTurnBudget{500};

// What a replaced instance has to let go of its lane, which waits for it.
constexpr Milliseconds kReplacedDeadline{1'000};

constexpr std::string_view kNotJson = "the payload is not JSON";

}  // namespace

void HandlerCounters::count_batch(TimePoint started, TimePoint ended) {
  batches.fetch_add(1, std::memory_order_relaxed);
  Clock::rep none = 0;
  first_batch_at.compare_exchange_strong(none, started.time_since_epoch().count(),
                                         std::memory_order_relaxed);
  last_batch_at.store(ended.time_since_epoch().count(), std::memory_order_relaxed);
}

LaneRunner::LaneRunner(LaneId id, LaneIdentity identity, std::unique_ptr<RecordInlet> inlet,
                       GenerationUse generation, LaneTools tools,
                       std::function<void(LaneRunner&)> on_resume)
    : id_(id),
      identity_(std::move(identity)),
      inlet_(std::move(inlet)),
      handler_(tools.handler),
      counters_(tools.counters),
      outbox_(tools.outbox),
      log_(tools.log),
      run_(&*generation),
      deliveries_(
          std::make_shared<Deliveries>([this, resume = std::move(on_resume)] { resume(*this); })),
      seat_(std::make_shared<Seat>(std::move(generation), identity_)) {
  counters_.lanes.fetch_add(1, std::memory_order_relaxed);
}

Duration LaneRunner::running_for() const {
  const Clock::rep since = running_since_;
  return since == 0 ? Duration{0} : Clock::now().time_since_epoch() - Duration(since);
}

InstanceCreated LaneRunner::create() {
  seat_->serve(*this);
  if (const Status made = seat_->create(); !made) {
    counters_.failures.fetch_add(1, std::memory_order_relaxed);
    log_.error("a handler could not make its instance, the lane waits",
               {{"topic", identity_.topic},
                {"partition", identity_.partition},
                {"error", made.error().message}});
    return {id_, false};
  }
  const InHandScope scope(seat_->in_hand_for("assigned"));
  seat_->instance()->assigned();
  return {id_, true};
}

// ---- Another generation -------------------------------------------------------------------------

Result<std::optional<HandedState>> LaneRunner::hand_out(const Seat& next) {
  Instance* instance = seat_->instance();
  overdue_ = false;  // what was said of the last batch may have come behind its end
  const bool both = seat_->generation().keeps_state() && next.generation().keeps_state();
  if (instance == nullptr || !both) return std::optional<HandedState>{};
  const InHandScope scope(seat_->in_hand_for("state_export"));
  auto state = instance->export_state();
  if (!state) return Unexpected(state.error());
  return std::optional(std::move(*state));
}

std::shared_ptr<Seat> LaneRunner::leave() {
  overdue_ = false;
  if (Instance* instance = seat_->instance(); instance != nullptr) {
    const InHandScope scope(seat_->in_hand_for("revoked"));
    instance->revoked(EndReason::kReplaced, to_ms(kReplacedDeadline));
  }
  // Its destructor, and threads of its own, may ask when this lane is gone. One that waits for room
  // to produce waits no longer.
  overdue_ = true;
  seat_->serve_nobody();
  overdue_ = false;
  return seat_;
}

void LaneRunner::take_seat(std::shared_ptr<Seat> next) {
  sit_down(std::move(next));
  std::erase_if(verdicts_, [this](const auto& entry) { return !outlasts(entry.second); });
  seat_->serve(*this);
  const InHandScope scope(seat_->in_hand_for("assigned"));
  seat_->instance()->assigned();
}

/// Whether what another generation decided goes for the one that the lane went over to.
bool LaneRunner::outlasts(const Verdict& verdict) const {
  if (verdict.settled) return true;
  // What no handler saw is for this generation's settings to judge.
  if (verdict.record.attempts == 0) return false;
  const GiveUp action = settings().give_up.action;
  const bool gives_up = action == GiveUp::kDeadLetter || action == GiveUp::kSkip;
  // Else its handler has to see the record: the lane would wait where nothing is ever done.
  return gives_up && !verdict.too_large;
}

void LaneRunner::retarget(GenerationUse generation) {
  sit_down(std::make_shared<Seat>(std::move(generation), identity_));
}

void LaneRunner::sit_down(std::shared_ptr<Seat> seat) {
  const std::lock_guard lock(seating_);
  run_ = &seat->run();
  seat_ = std::move(seat);
}

std::string LaneRunner::build_id() const {
  const std::lock_guard lock(seating_);
  return seat_->generation().build_id();
}

// ---- A turn -------------------------------------------------------------------------------------

std::optional<TurnDone> LaneRunner::turn(WorkerScratch& scratch, const RunTurn& command) {
  done_ = TurnDone{};
  done_.lane = id_;
  attempt_ = command.attempt;
  below_ = command.below;
  drains_ = command.drains;
  overdue_ = false;
  const TimePoint until = Clock::now() + kTurnBudget;
  for (;;) {
    const Step step = take_batch(scratch);
    if (step == Step::kWaits) return std::nullopt;
    if (step == Step::kLast || attempt_ != 1 || cancelled_ || Clock::now() >= until) break;
  }
  return end_turn();
}

/// Everything that the batch waited for is answered.
std::optional<TurnDone> LaneRunner::resume() {
  if (waiting_ == Waiting::kTied) {
    settle_tied();
    if (!give_up_records()) return std::nullopt;
  }
  if (waiting_ == Waiting::kDeadLetters) settle_dead_letters();
  end_batch();
  return end_turn();
}

std::optional<TurnDone> LaneRunner::end_turn() {
  overdue_ = false;
  // They may have to wait for hours.
  const bool fails =
      done_.next == TurnDone::Next::kFailed || done_.next == TurnDone::Next::kStopped;
  if (fails) held_.own(0);
  done_.end = inlet_->take_end(held_);
  return std::exchange(done_, TurnDone{});
}

// ---- Gathering a batch --------------------------------------------------------------------------

/// One batch of the turn. kLast when the next one must be another turn's.
LaneRunner::Step LaneRunner::take_batch(WorkerScratch& scratch) {
  if (held_back_) {
    done_.next = TurnDone::Next::kMore;
    return Step::kLast;
  }
  // What it holds may be another one's by now.
  if (cancelled_) {
    done_.next = TurnDone::Next::kDrained;
    return Step::kLast;
  }
  // Without a pull nobody knows whether the inlet is empty, and its event is spent.
  drained_ = false;
  if (attempt_ == 1 && !full() && !pull()) {
    done_.next = TurnDone::Next::kDrained;
    return Step::kLast;
  }
  if (gather_longer()) {
    done_.next = TurnDone::Next::kLinger;
    done_.linger_until = gathering_since_ + settings().limits.linger;
    return Step::kLast;
  }
  if (went_back()) {
    done_.next = TurnDone::Next::kMore;
    return Step::kLast;
  }
  if (has_batch()) return run_batch(scratch);
  const bool nothing_left = drained_ || !held_.empty();  // what is held lies past the turn's limit
  done_.next = nothing_left ? TurnDone::Next::kDrained : TurnDone::Next::kMore;
  return nothing_left ? Step::kLast : Step::kGoOn;
}

/// Offsets of a partition made anew are not to be reported with those of before.
bool LaneRunner::went_back() const {
  if (!inlet_->reports_receipt() || reported_ == held_.size()) return false;
  Offset told = done_.received.end;
  if (!done_.finished.empty()) told = std::max(told, done_.finished.back().end);
  return held_.offset(reported_) < told;
}

void LaneRunner::cancel() {
  const std::lock_guard lock(pulling_);
  cancelled_ = true;
  inlet_->disable_events();
}

void LaneRunner::overdue() { overdue_ = true; }

void LaneRunner::hold_back(bool held_back) { held_back_ = held_back; }

/// False when the lane is cancelled: its partition may be another lane's already, and what is
/// pulled here would be missing there.
bool LaneRunner::pull() {
  const std::lock_guard lock(pulling_);
  if (cancelled_) return false;
  const bool was_empty = held_.empty();
  const auto pulled = inlet_->pull(pull_limit(), below_, held_);
  drained_ = pulled.drained;
  if (pulled.records == 0) return true;
  if (was_empty) gathering_since_ = Clock::now();
  held_bytes_ += pulled.bytes;
  bytes_per_record_ = pulled.bytes / pulled.records;
  return true;
}

/// Librdkafka hands out records by number; the last pull tells how many make up the bytes. The
/// first one is bounded by what its queue holds.
std::uint32_t LaneRunner::pull_limit() const {
  const BatchLimits& limits = settings().limits;
  const std::uint64_t by_records = limits.max_records - held_.size();
  const std::uint64_t by_bytes =
      (limits.max_bytes - held_bytes_) / std::max<std::uint64_t>(bytes_per_record_, 1) + 1;
  return static_cast<std::uint32_t>(std::min(by_records, by_bytes));
}

/// A batch is what is there, unless the handler lets it gather for a while.
bool LaneRunner::gather_longer() const {
  const Duration linger = settings().limits.linger;
  return attempt_ == 1 && linger > Duration{0} && !drains_ && !held_.empty() && !full() &&
         drained_ && Clock::now() < gathering_since_ + linger;
}

/// How many of the held records make the next batch: bounded by number, bytes (never less than one)
/// and the turn's limit, and cut where offsets go back, for there the partition started anew.
std::size_t LaneRunner::batch_size() const {
  const BatchLimits& limits = settings().limits;
  if (alone_ > 0) return 1;
  const std::size_t most = std::min<std::size_t>(held_.size(), limits.max_records);
  std::uint64_t bytes = held_.bytes(0);
  std::size_t count = 1;
  while (count < most && held_.offset(count) > held_.offset(count - 1) &&
         held_.offset(count) < below_) {
    bytes += held_.bytes(count);
    if (bytes > limits.max_bytes) break;
    ++count;
  }
  return count;
}

void LaneRunner::report_receipt(std::size_t count) {
  if (!inlet_->reports_receipt() || count <= reported_) return;
  const Offset begin = held_.offset(reported_);
  if (done_.received.empty()) done_.received.begin = begin;
  done_.received.end = held_.offset(count - 1) + 1;
  reported_ = count;
}

/// How many records of the front have no verdict.
std::size_t LaneRunner::unjudged(std::size_t count) const {
  if (verdicts_.empty()) return count;
  std::size_t front = 0;
  while (front < count && !verdicts_.contains(held_.offset(front))) ++front;
  return front;
}

/// A tombstone has no payload to look at, and says that its key is gone: it is not for a filter to
/// drop.
route::Match LaneRunner::match(std::size_t index, route::Scratch& scratch) const {
  const auto value = held_.value(index);
  return value ? settings().where->matches({*value}, scratch) : route::Match::kYes;
}

/// Picks the records of a batch that its handler is to see, and passes a verdict on what is not
/// JSON. Returns how many of the front make the batch: up to the first that is not.
std::size_t LaneRunner::screen(std::size_t count, route::Scratch& scratch) {
  for (std::size_t i = 0; i < count; ++i) {
    switch (match(i, scratch)) {
      case route::Match::kYes:
        selected_.push_back(static_cast<std::uint32_t>(i));
        break;
      case route::Match::kNo:
        break;
      case route::Match::kNotJson:
        verdicts_[held_.offset(i)].record.error = kNotJson;
        return i;
    }
  }
  return count;
}

// ---- Handling a batch ---------------------------------------------------------------------------

LaneRunner::Step LaneRunner::run_batch(WorkerScratch& scratch) {
  count_ = unjudged(batch_size());
  selected_.clear();
  if (settings().where) count_ = screen(count_, scratch.routing);
  running_since_ = Clock::now().time_since_epoch().count();
  if (count_ == 0) {  // the front has a verdict
    judgement_ = standing_verdicts();
    count_ = std::max<std::size_t>(judgement_.done, 1);
    report_receipt(count_);
  } else {
    report_receipt(count_);
    if (settings().where && selected_.empty()) {
      judgement_ = Judgement{};
      judgement_.done = count_;
      counters_.filtered.fetch_add(count_, std::memory_order_relaxed);
    } else if (!consume(count_, scratch.view)) {
      return Step::kWaits;
    }
  }
  if (!give_up_records()) return Step::kWaits;
  if (waiting_ == Waiting::kDeadLetters) settle_dead_letters();
  end_batch();
  return done_.next == TurnDone::Next::kMore ? Step::kGoOn : Step::kLast;
}

/// False when the turn waits for what the handler produced.
bool LaneRunner::consume(std::size_t count, BatchView& view) {
  const BatchView::Choice choice{held_, count, selected_, attempt_};
  const moult_batch& batch =
      view.build(choice, inlet_->high_watermark(), identity_, seat_->generation().capabilities());
  running_begin_ = held_.offset(0);
  running_end_ = held_.offset(count - 1) + 1;
  deliveries_->begin();
  tally().begun.fetch_add(1, std::memory_order_relaxed);
  seen_ = true;
  const TimePoint started = Clock::now();
  bool returned_ok = false;
  {
    InHand what = seat_->in_hand_for("consume");
    what.first = held_.offset(0);
    what.last = held_.offset(count - 1);
    const InHandScope scope(what);
    returned_ok = seat_->instance()->consume(batch);
  }
  const TimePoint ended = Clock::now();
  counters_.count_batch(started, ended);
  busy_ = ended - started;
  counters_.filtered.fetch_add(count - choice.size(), std::memory_order_relaxed);
  judgement_ = judge(view.outcomes(), selected_, count, attempt_, settings().give_up, returned_ok);
  waiting_ = Waiting::kTied;  // threads of the plugin may ask until it is closed
  if (!deliveries_->close()) return false;
  settle_tied();
  return true;
}

/// A record whose message was not delivered failed.
void LaneRunner::settle_tied() {
  waiting_ = Waiting::kNothing;
  for (const Deliveries::Failure& failure : deliveries_->take_failures()) {
    std::size_t index = 0;
    while (index < count_ && held_.offset(index) < failure.offset) ++index;
    if (index == count_) continue;
    // Who was told at once and gave the record up has decided already.
    if (failure.at_once && gives_up(judgement_, index)) continue;
    FailedRecord record;
    record.index = index;
    record.attempts = index == 0 ? attempt_ : 1;
    record.code = failure.code;
    record.error = "what the handler produced was not delivered: " + failure.error;
    fail_at(judgement_, std::move(record), settings().give_up);
  }
}

// ---- The end of a batch -------------------------------------------------------------------------

/// For what becomes of the generation. A record that fails again says nothing new, nor does a batch
/// of which the handler saw nothing.
void LaneRunner::count_in_tally() {
  const auto given_up = [](const FailedRecord& record) { return !record.skipped; };
  const bool failed = judgement_.failed || std::ranges::any_of(judgement_.given_up, given_up);
  const bool again = judgement_.failed && judgement_.failed->index == 0 && attempt_ > 1;
  const bool seen = std::exchange(seen_, false);
  if (again || !(failed || seen)) return;
  GenerationTally& its = tally();
  if (failed) {
    its.failed.fetch_add(1, std::memory_order_relaxed);
  } else {
    its.records.fetch_add(judgement_.done, std::memory_order_relaxed);
    its.busy.fetch_add(busy_.count(), std::memory_order_relaxed);
    its.longest.note({judgement_.done, busy_});
  }
  // Last: who counts batches has their failures then.
  its.batches.fetch_add(1, std::memory_order_release);
}

/// What is done with is finished; the first record that isn't stops the lane there.
void LaneRunner::end_batch() {
  count_in_tally();
  running_since_ = 0;
  running_begin_ = running_end_ = 0;
  alone_ = judgement_.blames_batch ? count_ - judgement_.done
                                   : alone_ - std::min(alone_, judgement_.done);
  if (judgement_.failed) {
    FailedRecord& failed = *judgement_.failed;
    done_.next = judgement_.stops ? TurnDone::Next::kStopped : TurnDone::Next::kFailed;
    done_.failure = {held_.offset(failed.index), failed.retry_after, failed.code,
                     std::move(failed.error)};
    counters_.failures.fetch_add(1, std::memory_order_relaxed);
  }
  finish(judgement_.done);
  if (judgement_.failed) return;
  const bool more = has_batch() || !drained_;
  done_.next = more ? TurnDone::Next::kMore : TurnDone::Next::kDrained;
}

/// Of a whole partition the gaps between its records are finished with them, also the one before a
/// failed record: what was received and not finished starts there.
void LaneRunner::report_finished_range(std::size_t count) {
  if (count > 0 && done_.finished.empty()) {
    done_.finished.push_back({held_.offset(0), held_.offset(0)});
  }
  if (done_.finished.empty()) return;
  Offset& end = done_.finished.back().end;
  if (count > 0) end = held_.offset(count - 1) + 1;
  if (judgement_.failed) end = std::max(end, done_.failure.offset);
}

/// Of a slot, what lies between its records is other slots'.
void LaneRunner::report_finished_records(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const Offset offset = held_.offset(i);
    const bool adjacent = !done_.finished.empty() && done_.finished.back().end == offset;
    if (!adjacent) done_.finished.push_back({offset, offset});
    done_.finished.back().end = offset + 1;
  }
}

void LaneRunner::finish(std::size_t count) {
  if (inlet_->reports_receipt()) {
    report_finished_range(count);
  } else {
    report_finished_records(count);
  }
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) bytes += held_.bytes(i);
  if (!verdicts_.empty()) {
    for (std::size_t i = 0; i < count; ++i) verdicts_.erase(held_.offset(i));
  }
  held_bytes_ -= bytes;
  reported_ -= std::min(reported_, count);
  held_.drop_front(count);
  counters_.records.fetch_add(count, std::memory_order_relaxed);
}

LaneEnded LaneRunner::end(EndReason reason, TimePoint deadline) {
  overdue_ = false;
  if (Instance* instance = seat_->instance(); instance != nullptr) {
    {
      const InHandScope scope(seat_->in_hand_for("revoked"));
      instance->revoked(reason, std::max<std::int64_t>(0, to_ms(deadline - Clock::now())));
    }
    seat_->destroy();
  }
  // The client waits for every record: none may outlive its lane.
  held_.drop_front(held_.size());
  held_bytes_ = 0;
  return {id_};
}

}  // namespace moult
