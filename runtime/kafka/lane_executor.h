#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/base/time.h"
#include "runtime/dispatch/events.h"
#include "runtime/kafka/partition_source.h"

namespace moult::kafka {

/// What a lane is doing, for status lines and exit reports.
struct LaneActivity {
  std::string handler;
  std::string build_id;
  OffsetRange running;  // the batch in hand; empty when none
  Duration running_for{0};
};

/// What a worker thread is doing, likewise.
struct WorkerActivity {
  std::string name;
  std::string handler;
  pid_t thread = 0;
  std::optional<TopicPartition> partition;  // whose lane it has in hand; none when it waits
  Duration busy_for{0};
};

/// Runs lanes on workers. Called by the poller thread alone; answers come back as posted
/// LaneAnswer, one for each create, run, create_standby, swap and end, from worker threads. A lane
/// that ends takes its standby along, whose answer then comes to nobody.
class LaneExecutor {
 public:
  virtual ~LaneExecutor() = default;
  virtual void open(const OpenLane& lane, std::unique_ptr<PartitionSource> source) = 0;
  virtual void open_slot(const OpenSlot& slot) = 0;
  virtual void create(LaneId lane) = 0;
  virtual void run(const RunTurn& turn) = 0;
  virtual void hold_back(LaneId lane) = 0;
  virtual void overdue(LaneId lane) = 0;
  /// Also: the lane's partition raises no event for it any more.
  virtual void cancel(LaneId lane) = 0;
  virtual void retarget(const Retarget& command) = 0;
  virtual void create_standby(const CreateStandby& command) = 0;
  virtual void drop_standby(LaneId lane) = 0;
  /// Its answer was that it could not be made. The lane may have ended meanwhile.
  virtual void forget_standby(LaneId lane) = 0;
  virtual void swap(LaneId lane) = 0;
  virtual void end(LaneId lane, EndReason reason, TimePoint deadline) = 0;
  virtual void close(LaneId lane) = 0;
  virtual LaneActivity activity(LaneId lane) const = 0;
  virtual std::vector<WorkerActivity> workers() const = 0;
};

using LaneAnswer = std::variant<InstanceCreated, TurnDone, StandbyCreated, LaneSwapped, LaneEnded>;

/// Where workers post their answers. Thread-safe.
class LaneAnswers {
 public:
  virtual ~LaneAnswers() = default;
  virtual void post(LaneAnswer answer) = 0;
};

}  // namespace moult::kafka
