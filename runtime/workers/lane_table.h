#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/kafka/lane_executor.h"
#include "runtime/workers/lane_runner.h"
#include "runtime/workers/worker_pool.h"

namespace moult {

/// A handler as one consumer runs it: its active generation with the workers that belong to it.
struct ActiveHandler {
  std::string name;
  BatchLimits limits;
  std::shared_ptr<Generation> generation;
  std::unique_ptr<WorkerPool> workers;  // after the generation: joined before it is released
  HandlerCounters counters;
};

/// One consumer's lanes on their handlers' workers. Belongs to the poller thread.
class LaneTable final : public kafka::LaneExecutor {
 public:
  /// `handlers` by HandlerIndex; they outlive the table.
  LaneTable(std::vector<ActiveHandler*> handlers, Logger log)
      : handlers_(std::move(handlers)), log_(log) {}

  /// Before the first lane: where the answers go.
  void answer_to(kafka::LaneAnswers& answers) { answers_ = &answers; }

  void open(const OpenLane& lane, std::unique_ptr<kafka::PartitionSource> source) override;
  void create(LaneId lane) override;
  void run(LaneId lane, std::uint32_t attempt) override;
  void cancel(LaneId lane) override;
  void end(LaneId lane, EndReason reason, TimePoint deadline) override;
  void close(LaneId lane) override;
  kafka::PartitionSource& source(LaneId lane) override;
  kafka::LaneActivity activity(LaneId lane) const override;

 private:
  struct Entry {
    ActiveHandler* handler;
    std::unique_ptr<LaneRunner> runner;
  };

  Entry& find(LaneId lane);

  const std::vector<ActiveHandler*> handlers_;  // constant after construction
  const Logger log_;
  kafka::LaneAnswers* answers_ = nullptr;  // constant after answer_to()
  std::unordered_map<LaneId, Entry> lanes_;
};

}  // namespace moult
