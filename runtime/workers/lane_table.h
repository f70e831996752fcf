#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/kafka/lane_executor.h"
#include "runtime/workers/handler_counters.h"
#include "runtime/workers/intake.h"
#include "runtime/workers/lane_runner.h"
#include "runtime/workers/outbox.h"
#include "runtime/workers/worker_pool.h"

namespace moult {

/// A handler as one consumer runs it: its active generation with the workers that belong to it.
struct ActiveHandler {
  LaneSettings settings;
  std::shared_ptr<Generation> generation;
  std::unique_ptr<WorkerPool> workers;  // after the generation: joined before it is released
  HandlerCounters counters;
};

/// One consumer's lanes on their handlers' workers. Belongs to the poller thread.
class LaneTable final : public kafka::LaneExecutor {
 public:
  /// `handlers` by HandlerIndex; they and the outbox outlive the table.
  LaneTable(std::vector<ActiveHandler*> handlers, Outbox& outbox, Logger log)
      : handlers_(std::move(handlers)), outbox_(outbox), log_(log) {}

  /// Before the first lane: where the answers go.
  void answer_to(kafka::LaneAnswers& answers) { answers_ = &answers; }

  void open(const OpenLane& lane, std::unique_ptr<kafka::PartitionSource> source) override;
  void open_slot(const OpenSlot& slot) override;
  void create(LaneId lane) override;
  void run(const RunTurn& turn) override;
  void overdue(LaneId lane) override;
  void cancel(LaneId lane) override;
  void end(LaneId lane, EndReason reason, TimePoint deadline) override;
  void close(LaneId lane) override;
  kafka::LaneActivity activity(LaneId lane) const override;
  std::vector<kafka::WorkerActivity> workers() const override;

 private:
  struct Entry {
    ActiveHandler* handler;
    LaneIdentity identity;
    std::unique_ptr<LaneWork> work;
    std::shared_ptr<SlotBoard> board;  // of an intake
  };

  Entry& find(LaneId lane);
  std::unique_ptr<LaneWork> make_runner(LaneId lane, ActiveHandler& handler,
                                        const LaneIdentity& identity,
                                        std::unique_ptr<RecordInlet> inlet);

  const std::vector<ActiveHandler*> handlers_;  // constant after construction
  Outbox& outbox_;
  const Logger log_;
  kafka::LaneAnswers* answers_ = nullptr;  // constant after answer_to()
  std::unordered_map<LaneId, Entry> lanes_;
};

}  // namespace moult
