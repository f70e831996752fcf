#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/dispatch/types.h"
#include "runtime/plugin/load.h"
#include "runtime/workers/handler_counters.h"
#include "runtime/workers/running_generation.h"
#include "runtime/workers/worker_pool.h"

namespace moult {

/// A handler as one consumer runs it, with the generations of it that are at work. Thread-safe.
class ActiveHandler {
 public:
  explicit ActiveHandler(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  HandlerCounters& counters() { return counters_; }
  const HandlerCounters& counters() const { return counters_; }
  /// Of its generations.
  const std::shared_ptr<UnloadCounts>& unloads() const { return unloads_; }

  void add(GenerationNumber number, std::unique_ptr<RunningGeneration> generation);
  /// Must be there.
  GenerationUse use(GenerationNumber number);
  /// Whether any is there.
  bool at_work() const;
  /// Whether the workers of all generations have nothing left to do; false when some have at
  /// `until`.
  bool wait_idle(TimePoint until);
  /// No longer to be used by anyone new; nothing when it isn't there.
  std::unique_ptr<RunningGeneration> take(GenerationNumber number);

  struct WorkersSeen {
    std::string name;
    std::vector<WorkerPool::Activity> activities;
  };
  std::vector<WorkersSeen> workers() const;

 private:
  // Constant after construction.
  const std::string name_;
  const std::shared_ptr<UnloadCounts> unloads_ = std::make_shared<UnloadCounts>();

  HandlerCounters counters_;

  mutable std::mutex mutex_;
  std::map<GenerationNumber, std::unique_ptr<RunningGeneration>> generations_;  // guarded by mutex_
};

/// The handlers of one consumer, by HandlerIndex. They may become more; none ever goes, so that its
/// counts are there to the end. Thread-safe.
class ActiveHandlers {
 public:
  HandlerIndex add(std::string name);
  ActiveHandler& at(HandlerIndex handler) const;
  /// All there are now.
  std::vector<ActiveHandler*> all() const;
  std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<ActiveHandler>> handlers_;  // guarded by mutex_
};

}  // namespace moult
