#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/workers/worker_scratch.h"

namespace moult {

/// The threads of one generation. They take lanes' tasks in the order they came and end when the
/// pool is destroyed, before the generation's library is unloaded: a thread_local of the plugin
/// lives until its thread ends.
class WorkerPool {
 public:
  /// Runs on a worker; `scratch` is the worker's own.
  using Task = std::function<void(WorkerScratch& scratch)>;

  WorkerPool(std::string name, std::size_t threads);
  /// Waits for the running tasks; what is still queued is dropped.
  ~WorkerPool();

  /// Any thread. Bounded by its callers: a lane has one task under way at most.
  void post(Task task);

 private:
  void work() noexcept;

  const std::string name_;  // constant after construction

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;  // guarded by mutex_
  bool ending_ = false;     // guarded by mutex_

  std::vector<std::thread> threads_;  // last: they use everything above
};

}  // namespace moult
