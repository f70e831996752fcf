#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/base/in_hand.h"
#include "runtime/base/log.h"
#include "runtime/base/time.h"
#include "runtime/dispatch/events.h"
#include "runtime/kafka/held_records.h"
#include "runtime/plugin/generation.h"
#include "runtime/workers/deliveries.h"
#include "runtime/workers/handler_counters.h"
#include "runtime/workers/judgement.h"
#include "runtime/workers/lane_settings.h"
#include "runtime/workers/lane_work.h"
#include "runtime/workers/outbox.h"
#include "runtime/workers/record_inlet.h"
#include "runtime/workers/seat.h"

namespace moult {

/// What a lane works with; everything outlives it.
struct LaneTools {
  const std::string& handler;
  HandlerCounters& counters;
  Outbox& outbox;
  Logger log;
};

/// A lane with an instance: pulls its inlet, shows batches to the instance, carries out what
/// becomes of them.
///
/// A turn that has to wait for the broker's acknowledgement (of a dead letter, or of what the
/// handler produced) leaves its worker; when all are there, `on_resume` asks for resume().
class LaneRunner final : public LaneWork, public LaneHost {
 public:
  LaneRunner(LaneId id, LaneIdentity identity, std::unique_ptr<RecordInlet> inlet,
             GenerationUse generation, LaneTools tools, std::function<void(LaneRunner&)> on_resume);

  InstanceCreated create() override;
  std::optional<TurnDone> turn(WorkerScratch& scratch, const RunTurn& command) override;
  std::optional<TurnDone> resume() override;
  LaneEnded end(EndReason reason, TimePoint deadline) override;
  std::size_t held() const { return held_.size(); }

  // Going over to another generation, between turns: the steps, on workers of the one that each
  // names.
  /// The old one's: what the new one may go on from; nothing when either keeps no state.
  Result<std::optional<HandedState>> hand_out(const Seat& next);
  /// The old one's: its instance lets go of the lane. To be destroyed on a worker of its own.
  std::shared_ptr<Seat> leave();
  /// The new one's.
  void take_seat(std::shared_ptr<Seat> next);

  WorkerPool& workers() const override { return run_.load()->workers(); }
  std::string build_id() const override;
  void retarget(GenerationUse generation) override;
  void cancel() override;
  void overdue() override;
  void hold_back(bool held_back) override;
  OffsetRange running() const override { return {running_begin_, running_end_}; }
  Duration running_for() const override;

  bool cancelled() const noexcept override { return cancelled_ || overdue_; }
  std::int32_t produce(const moult_message& message) noexcept override;

 private:
  enum class Step : std::uint8_t { kGoOn, kLast, kWaits };
  enum class Waiting : std::uint8_t { kNothing, kTied, kDeadLetters };

  /// A record that needs no handler any more.
  struct Verdict {
    bool settled = false;    // only its place in the order is left
    bool too_large = false;  // for any dead letter
    FailedRecord record{};   // else it is to be given up
  };

  const LaneSettings& settings() const { return seat_->settings(); }
  GenerationTally& tally() const { return seat_->run().tally(); }

  void sit_down(std::shared_ptr<Seat> seat);
  bool outlasts(const Verdict& verdict) const;

  // Gathering.
  Step take_batch(WorkerScratch& scratch);
  bool pull();
  std::uint32_t pull_limit() const;
  bool full() const {
    return held_bytes_ >= settings().limits.max_bytes ||
           held_.size() >= settings().limits.max_records;
  }
  bool has_batch() const { return !held_.empty() && held_.offset(0) < below_; }
  bool gather_longer() const;
  bool went_back() const;
  std::size_t batch_size() const;
  void report_receipt(std::size_t count);
  std::size_t unjudged(std::size_t count) const;
  route::Match match(std::size_t index, route::Scratch& scratch) const;
  std::size_t screen(std::size_t count, route::Scratch& scratch);

  // Handling.
  Step run_batch(WorkerScratch& scratch);
  bool consume(std::size_t count, BatchView& view);
  void settle_tied();
  bool give_up_records();
  void hold_given_up();
  void produce_dead_letter(const FailedRecord& record, bool trimmed);
  void skip(const FailedRecord& record);
  void settle_dead_letters();
  void end_batch();
  void count_in_tally();
  void report_finished_range(std::size_t count);
  void report_finished_records(std::size_t count);
  void finish(std::size_t count);
  Judgement standing_verdicts() const;
  std::string plugin_label() const;
  std::optional<TurnDone> end_turn();

  // Constant after construction.
  const LaneId id_;
  const LaneIdentity identity_;
  const std::unique_ptr<RecordInlet> inlet_;
  const std::string& handler_;
  HandlerCounters& counters_;
  Outbox& outbox_;
  const Logger log_;

  // Any thread.
  mutable std::mutex seating_;           // held to change seat_, and to look at it from elsewhere
  std::atomic<RunningGeneration*> run_;  // that of seat_
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> overdue_{false};
  std::atomic<bool> held_back_{false};
  std::atomic<Offset> running_begin_{0};
  std::atomic<Offset> running_end_{0};
  std::atomic<Clock::rep> running_since_{0};
  const std::shared_ptr<Deliveries> deliveries_;  // its answers may outlive the lane

  std::mutex pulling_;  // held while the inlet is pulled, and to cancel

  // Whoever has the lane's task.
  std::shared_ptr<Seat> seat_;  // never empty
  kafka::HeldRecords held_;
  std::uint64_t held_bytes_ = 0;
  std::uint64_t bytes_per_record_ = 0;  // of the last pull, for how much to pull
  std::size_t reported_ = 0;            // of the held ones, those reported as received
  bool drained_ = false;                // the last pull emptied the inlet
  TimePoint gathering_since_{};         // when the first held record was pulled
  std::size_t alone_ = 0;               // of the held ones, those that come one by one
  std::map<Offset, Verdict> verdicts_;  // of held records; empty but for trouble

  // The turn, and its batch.
  TurnDone done_;
  std::uint32_t attempt_ = 1;
  Offset below_ = kNoOffsetLimit;
  bool drains_ = false;
  Waiting waiting_ = Waiting::kNothing;
  Duration busy_{0};                     // in the handler
  bool seen_ = false;                    // by the handler: records of the batch
  std::size_t count_ = 0;                // records of the batch
  std::vector<std::uint32_t> selected_;  // those the handler sees; empty: all
  Judgement judgement_;
};

}  // namespace moult
