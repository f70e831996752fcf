#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "runtime/base/log.h"
#include "runtime/base/time.h"
#include "runtime/dispatch/events.h"
#include "runtime/kafka/lane_executor.h"
#include "runtime/kafka/partition_source.h"
#include "runtime/plugin/generation.h"
#include "runtime/workers/batch_view.h"

namespace moult {

struct BatchLimits {
  std::uint32_t max_records = 500;
  std::uint64_t max_bytes = 1024ULL * 1024;
  Duration linger{0};
};

/// What a handler has done, since its start; written by workers, read by anyone.
struct HandlerCounters {
  std::atomic<std::uint64_t> records{0};  // finished
  std::atomic<std::uint64_t> batches{0};
  std::atomic<std::uint64_t> failures{0};
  std::atomic<std::uint64_t> lanes{0};        // opened
  std::atomic<Clock::rep> first_batch_at{0};  // 0: none yet
  std::atomic<Clock::rep> last_batch_at{0};

  void count_batch(TimePoint started, TimePoint ended);
};

/// The worker's side of a lane: pulls its partition queue, shows batches to its instance, says what
/// became of them. One task at a time runs on it, on any worker; the dispatcher sees to that.
class LaneRunner final : public CancelFlag {
 public:
  LaneRunner(const OpenLane& lane, std::unique_ptr<kafka::PartitionSource> source,
             std::shared_ptr<Generation> generation, BatchLimits limits, HandlerCounters& counters,
             Logger log);

  // Whoever has the lane's task, on a worker of its generation.
  InstanceCreated create();
  TurnDone turn(BatchView& view, std::uint32_t attempt);
  LaneEnded end(EndReason reason, TimePoint deadline);

  // The poller.
  /// When it returns, this lane pulls nothing any more.
  void cancel();
  kafka::PartitionSource& source() { return *source_; }
  OffsetRange running() const { return {running_begin_, running_end_}; }
  Duration running_for() const;

  bool cancelled() const noexcept override { return cancelled_; }

 private:
  bool take_batch(BatchView& view, std::uint32_t attempt, TurnDone& done);
  bool pull();
  std::uint32_t pull_limit() const;
  bool full() const {
    return held_bytes_ >= limits_.max_bytes || records_held() >= limits_.max_records;
  }
  std::size_t records_held() const { return source_->size(); }
  bool gather_longer(std::uint32_t attempt) const;
  std::size_t batch_size() const;
  void run_batch(BatchView& view, std::uint32_t attempt, TurnDone& done);
  void judge(std::span<const moult_outcome> outcomes, bool returned_ok, TurnDone& done);
  void finish(std::size_t count, TurnDone& done);

  // Constant after construction.
  const LaneId id_;
  const LaneIdentity identity_;
  const std::shared_ptr<Generation> generation_;
  const BatchLimits limits_;
  HandlerCounters& counters_;
  const Logger log_;

  // Any thread.
  std::atomic<bool> cancelled_{false};
  std::atomic<Offset> running_begin_{0};
  std::atomic<Offset> running_end_{0};
  std::atomic<Clock::rep> running_since_{0};

  std::mutex pulling_;  // held while the queue is pulled, and to cancel

  // Whoever has the lane's task.
  std::unique_ptr<kafka::PartitionSource> source_;
  std::unique_ptr<Instance> instance_;
  std::uint64_t held_bytes_ = 0;
  std::uint64_t bytes_per_record_ = 0;  // a running mean, for how much to pull
  bool drained_ = false;                // the last pull emptied the queue
  TimePoint gathering_since_{};         // when the first held record was pulled
  Offset reported_ = 0;                 // one past the last offset reported as received
};

}  // namespace moult
