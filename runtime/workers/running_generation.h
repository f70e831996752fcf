#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "runtime/base/time.h"
#include "runtime/plugin/generation.h"
#include "runtime/workers/lane_settings.h"
#include "runtime/workers/worker_pool.h"

namespace moult {

/// The batch that took longest so far. One number, for its two parts belong together.
class LongestBatch {
 public:
  struct Batch {
    std::uint64_t records = 0;
    Duration busy{0};  // rounded down
  };

  void note(const Batch& batch) {
    const auto micros = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(batch.busy).count());
    const std::uint64_t wanted =
        std::min(micros, kMostMicros) << kRecordBits | std::min(batch.records, kMostRecords);
    std::uint64_t known = packed_.load(std::memory_order_relaxed);
    while (known < wanted &&
           !packed_.compare_exchange_weak(known, wanted, std::memory_order_release,
                                          std::memory_order_relaxed)) {
    }
  }

  /// What was counted before it was noted is seen by whoever has seen it.
  Batch load() const {
    const std::uint64_t packed = packed_.load(std::memory_order_acquire);
    return {packed & kMostRecords, std::chrono::microseconds(packed >> kRecordBits)};
  }

 private:
  static constexpr unsigned kRecordBits = 24;
  static constexpr std::uint64_t kMostRecords = (std::uint64_t{1} << kRecordBits) - 1;
  static constexpr std::uint64_t kMostMicros = ~std::uint64_t{0} >> kRecordBits;  // twelve days

  std::atomic<std::uint64_t> packed_{0};
};

/// What one generation has done so far; written by workers, read by anyone.
struct GenerationTally {
  std::atomic<std::uint64_t> begun{0};  // batches given to the handler
  std::atomic<std::uint64_t> batches{0};
  std::atomic<std::uint64_t> failed{0};  // batches with a record to come again, or given up
  // Of batches without a failure.
  std::atomic<std::uint64_t> records{0};
  std::atomic<Duration::rep> busy{0};  // in the handler
  LongestBatch longest;
};

/// One generation of a handler at work: its code, what the configuration said when it was loaded,
/// and the workers that belong to it. Whoever uses it holds a GenerationUse; it is destroyed when
/// none is left, not on one of its own workers.
class RunningGeneration {
 public:
  RunningGeneration(LaneSettings settings, std::shared_ptr<Generation> generation,
                    std::size_t workers)
      : settings_(std::move(settings)),
        generation_(std::move(generation)),
        workers_("mw-" + settings_.handler, workers) {}

  const LaneSettings& settings() const { return settings_; }
  Generation& generation() const { return *generation_; }
  WorkerPool& workers() { return workers_; }
  const WorkerPool& workers() const { return workers_; }

  GenerationTally& tally() { return tally_; }

  /// While it is tried out it gives nothing up: what it fails may be no failure of the generation
  /// that it may have to go back to. Any thread.
  bool on_probation() const { return on_probation_; }
  void set_on_probation(bool on) { on_probation_ = on; }

  /// Any thread. False when somebody still uses it at `until`.
  bool wait_unused(TimePoint until) {
    std::unique_lock lock(mutex_);
    return unused_.wait_until(lock, until, [this] { return uses_ == 0; });
  }

 private:
  friend class GenerationUse;

  void acquire() {
    const std::lock_guard lock(mutex_);
    ++uses_;
  }
  void release() {
    // Told under the lock: whoever hears it may destroy this at once.
    const std::lock_guard lock(mutex_);
    if (--uses_ == 0) unused_.notify_all();
  }

  // Constant after construction.
  const LaneSettings settings_;
  const std::shared_ptr<Generation> generation_;

  GenerationTally tally_;
  std::atomic<bool> on_probation_{false};

  std::mutex mutex_;
  std::condition_variable unused_;
  std::size_t uses_ = 0;  // guarded by mutex_

  WorkerPool workers_;  // last: joined before the library goes
};

/// Keeps a generation at work. Any thread, one at a time.
class GenerationUse {
 public:
  explicit GenerationUse(RunningGeneration& run) : run_(&run) { run_->acquire(); }
  GenerationUse(const GenerationUse& other) : GenerationUse(*other.run_) {}
  GenerationUse(GenerationUse&& other) noexcept : run_(std::exchange(other.run_, nullptr)) {}
  GenerationUse& operator=(GenerationUse other) noexcept {
    std::swap(run_, other.run_);
    return *this;
  }
  ~GenerationUse() {
    if (run_ != nullptr) run_->release();
  }

  RunningGeneration* operator->() const { return run_; }
  RunningGeneration& operator*() const { return *run_; }

 private:
  RunningGeneration* run_;
};

}  // namespace moult
