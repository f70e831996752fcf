#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/kafka/held_records.h"
#include "runtime/kafka/partition_source.h"
#include "runtime/workers/lane_settings.h"
#include "runtime/workers/lane_work.h"
#include "runtime/workers/slot_board.h"

namespace moult {

/// Pulls a partition and spreads its records over slots, by key or in turn.
class Intake final : public LaneWork {
 public:
  Intake(const OpenLane& lane, std::unique_ptr<kafka::PartitionSource> source,
         GenerationUse generation);

  const std::shared_ptr<SlotBoard>& board() const { return board_; }

  InstanceCreated create() override;
  std::optional<TurnDone> turn(WorkerScratch& scratch, const RunTurn& command) override;
  std::optional<TurnDone> resume() override;
  LaneEnded end(EndReason reason, TimePoint deadline) override;
  WorkerPool& workers() const override { return generation_->workers(); }
  std::string build_id() const override { return generation_->generation().build_id(); }
  void retarget(GenerationUse generation) override { generation_ = std::move(generation); }
  void cancel() override;
  void hold_back(bool held_back) override { held_back_ = held_back; }
  void overdue() override {}
  OffsetRange running() const override { return {}; }
  Duration running_for() const override { return Duration{0}; }

 private:
  bool pull(std::uint64_t room);
  void spread(route::Scratch& scratch, TurnDone& done);
  SlotIndex slot_of(route::Scratch& scratch);
  SlotIndex next_slot();

  // Constant after construction.
  const LaneId id_;
  const SpreadSettings settings_;  // the same in every generation
  const std::shared_ptr<SlotBoard> board_;

  GenerationUse generation_;  // whoever has the lane's task, or the poller when nobody has

  std::atomic<bool> held_back_{false};

  std::mutex pulling_;      // held while the queue is pulled, and to cancel
  bool cancelled_ = false;  // guarded by pulling_

  // Whoever has the lane's task.
  const std::unique_ptr<kafka::PartitionSource> source_;
  kafka::HeldRecords incoming_;        // empty between turns, unless the partition went back
  std::vector<std::uint32_t> counts_;  // of this turn, by slot
  Offset last_ = -1;                   // the offset put last
  std::uint32_t turn_slot_ = 0;        // where the next record without a key goes
};

}  // namespace moult
