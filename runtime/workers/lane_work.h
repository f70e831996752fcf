#pragma once

#include <optional>

#include "runtime/dispatch/events.h"
#include "runtime/workers/running_generation.h"
#include "runtime/workers/worker_scratch.h"

namespace moult {

/// The worker's side of a lane. One task at a time runs on it, on any worker of its generation; the
/// dispatcher sees to that.
class LaneWork {
 public:
  virtual ~LaneWork() = default;

  // Whoever has the lane's task.
  virtual InstanceCreated create() = 0;
  /// Nothing when the turn waits for acknowledgements: resume() will end it.
  virtual std::optional<TurnDone> turn(WorkerScratch& scratch, const RunTurn& command) = 0;
  virtual std::optional<TurnDone> resume() = 0;
  virtual LaneEnded end(EndReason reason, TimePoint deadline) = 0;

  // The poller.
  /// Whose tasks are the lane's. Of a producer's thread too, while a turn waits.
  virtual WorkerPool& workers() const = 0;
  virtual std::string build_id() const = 0;
  /// While no worker has the lane, and it has no instance.
  virtual void retarget(GenerationUse generation) = 0;
  /// When it returns, this lane pulls nothing any more, and its partition raises no event for it.
  virtual void cancel() = 0;
  /// The turn that was asked for begins no batch, or no further one, until told otherwise.
  virtual void hold_back(bool held_back) = 0;
  /// The running batch is past its deadline.
  virtual void overdue() = 0;
  virtual OffsetRange running() const = 0;
  virtual Duration running_for() const = 0;
};

}  // namespace moult
