#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/kafka/lane_executor.h"
#include "runtime/workers/active_handler.h"
#include "runtime/workers/intake.h"
#include "runtime/workers/lane_runner.h"
#include "runtime/workers/outbox.h"
#include "runtime/workers/seat.h"

namespace moult {

/// One consumer's lanes on their handlers' workers. Belongs to the poller thread.
class LaneTable final : public kafka::LaneExecutor {
 public:
  /// The handlers and the outbox outlive the table.
  LaneTable(ActiveHandlers& handlers, Outbox& outbox, Logger log)
      : handlers_(handlers), outbox_(outbox), log_(log) {}

  /// Before the first lane: where the answers go.
  void answer_to(kafka::LaneAnswers& answers) { answers_ = &answers; }

  void open(const OpenLane& lane, std::unique_ptr<kafka::PartitionSource> source) override;
  void open_slot(const OpenSlot& slot) override;
  void create(LaneId lane) override;
  void run(const RunTurn& turn) override;
  void hold_back(LaneId lane) override;
  void overdue(LaneId lane) override;
  void cancel(LaneId lane) override;
  void retarget(const Retarget& command) override;
  void create_standby(const CreateStandby& command) override;
  void drop_standby(LaneId lane) override;
  void forget_standby(LaneId lane) override;
  void swap(LaneId lane) override;
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
    LaneRunner* runner = nullptr;      // `work`, unless it is an intake
    std::shared_ptr<Seat> standby;     // of the generation that the lane is to go over to
  };

  Entry& find(LaneId lane);
  void seat_runner(Entry& entry, LaneId lane, GenerationNumber generation,
                   std::unique_ptr<RecordInlet> inlet);

  ActiveHandlers& handlers_;
  Outbox& outbox_;
  const Logger log_;
  kafka::LaneAnswers* answers_ = nullptr;  // constant after answer_to()
  std::unordered_map<LaneId, Entry> lanes_;
};

}  // namespace moult
