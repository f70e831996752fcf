#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "runtime/dispatch/types.h"
#include "runtime/kafka/held_records.h"
#include "runtime/kafka/partition_source.h"
#include "runtime/workers/slot_board.h"

namespace moult {

/// Where a lane's records come from. Whoever has the lane's turn, unless said otherwise.
class RecordInlet {
 public:
  using Pull = kafka::PartitionSource::Pull;

  virtual ~RecordInlet() = default;
  /// Takes up to `limit` records that lie below `below`. Never waits.
  virtual Pull pull(std::uint32_t limit, Offset below, kafka::HeldRecords& into) = 0;
  virtual std::optional<Offset> take_end(const kafka::HeldRecords& held) = 0;
  virtual std::int64_t high_watermark() const = 0;
  /// Whether the dispatcher hears of what is pulled from this lane; else from its intake.
  virtual bool reports_receipt() const = 0;
  /// The poller: no event any more.
  virtual void disable_events() = 0;
};

/// A whole partition.
class PartitionInlet final : public RecordInlet {
 public:
  explicit PartitionInlet(std::unique_ptr<kafka::PartitionSource> source)
      : source_(std::move(source)) {}

  Pull pull(std::uint32_t limit, Offset, kafka::HeldRecords& into) override {
    return source_->pull(limit, into);
  }
  std::optional<Offset> take_end(const kafka::HeldRecords& held) override {
    return source_->take_end(held);
  }
  std::int64_t high_watermark() const override { return source_->high_watermark(); }
  bool reports_receipt() const override { return true; }
  void disable_events() override { source_->disable_events(); }

 private:
  const std::unique_ptr<kafka::PartitionSource> source_;
};

/// One slot of a partition's.
class SlotInlet final : public RecordInlet {
 public:
  SlotInlet(std::shared_ptr<SlotBoard> board, SlotIndex slot)
      : board_(std::move(board)), slot_(slot) {}

  Pull pull(std::uint32_t limit, Offset below, kafka::HeldRecords& into) override {
    return board_->take(slot_, limit, below, into);
  }
  std::optional<Offset> take_end(const kafka::HeldRecords&) override { return std::nullopt; }
  std::int64_t high_watermark() const override { return board_->high_watermark(); }
  bool reports_receipt() const override { return false; }
  void disable_events() override {}

 private:
  const std::shared_ptr<SlotBoard> board_;
  const SlotIndex slot_;
};

}  // namespace moult
