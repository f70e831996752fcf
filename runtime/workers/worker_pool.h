#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/time.h"
#include "runtime/dispatch/types.h"
#include "runtime/workers/worker_scratch.h"

namespace moult {

/// The threads of one generation. They take lanes' tasks in the order they came and end when the
/// pool is destroyed, before the generation's library is unloaded: a thread_local of the plugin
/// lives until its thread ends.
class WorkerPool {
 public:
  /// Runs on a worker; `scratch` is the worker's own.
  using Task = std::function<void(WorkerScratch& scratch)>;

  /// What a worker has in hand, for people.
  struct Activity {
    pid_t thread = 0;  // 0: not running yet
    LaneId lane = kNoLane;
    Duration busy_for{0};
  };
  static constexpr LaneId kNoLane{0};  // the dispatcher counts lanes from 1

  WorkerPool(const std::string& name, std::size_t threads);
  /// Waits for the running tasks; what is still queued is dropped.
  ~WorkerPool();

  /// Any thread. Bounded by its callers: a lane has one task under way at most.
  void post(LaneId lane, Task task);
  /// Before everything that waits: for what a lane stands still for.
  void post_first(LaneId lane, Task task);
  /// Any thread. False when a task runs or waits at `until`.
  bool wait_idle(TimePoint until);

  // Any thread.
  const std::string& name() const { return name_; }
  std::vector<Activity> activities() const;

 private:
  struct Job {
    LaneId lane;
    Task task;
  };

  /// Written by its worker, read by whoever asks.
  struct Desk {
    std::atomic<pid_t> thread{0};
    std::atomic<LaneId> lane{kNoLane};
    std::atomic<Clock::rep> since{0};
  };

  void work(Desk& desk) noexcept;

  const std::string name_;  // constant after construction, of a thread's length

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::deque<Job> jobs_;     // guarded by mutex_
  std::size_t running_ = 0;  // guarded by mutex_
  bool ending_ = false;      // guarded by mutex_

  std::deque<Desk> desks_;            // one for each thread
  std::vector<std::thread> threads_;  // last: they use everything above
};

}  // namespace moult
