#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/dispatch/types.h"
#include "runtime/kafka/fetch_gate.h"
#include "runtime/kafka/handles.h"
#include "runtime/kafka/held_records.h"

namespace moult::kafka {

/// One partition's fetch queue, cut off from the consumer queue. When nobody pulls, fetching stops
/// by itself once the queue is full, or by its gate.
///
/// Threads: made and given events by the poller; everything else belongs to whoever has the lane's
/// turn.
class PartitionSource {
 public:
  struct Pull {
    std::uint32_t records = 0;
    std::uint64_t bytes = 0;  // their keys and values
    bool drained = false;     // the queue is empty: the next record raises its event
    bool went_back = false;   // a record, or the end, lay before what came last
  };

  /// What is to be heard of a partition beside its records, by whoever has the lane's turn. Any of
  /// them may be empty.
  struct Told {
    std::function<void(int code, const char* text)> error;
    std::function<void(bool readable)> readable;  // it gives no records, or does again
  };

  using EventCallback = void (*)(rd_kafka_t*, void* opaque);

  PartitionSource(rd_kafka_t* client, const TopicPartition& partition,
                  std::shared_ptr<FetchGate> gate, Logger log, Told told = {});
  PartitionSource(const PartitionSource&) = delete;
  PartitionSource& operator=(const PartitionSource&) = delete;
  ~PartitionSource();

  /// Poller: `callback` runs on a librdkafka thread, under the queue's lock, whenever the queue
  /// stops being empty. After disable_events() returns it is not running and will not run.
  void enable_events(EventCallback callback, void* opaque);
  void disable_events();

  /// Takes up to `limit` records out of the queue, behind those held. Never waits.
  Pull pull(std::uint32_t limit, HeldRecords& into);

  /// The partition's end, once reached with nothing held before it; cleared by taking it.
  std::optional<Offset> take_end(const HeldRecords& held);

  std::int64_t high_watermark() const;

 private:
  void keep(rd_kafka_message_t* message, HeldRecords& into, Pull& result);
  void keep_error(const rd_kafka_message_t& message);
  void set_readable(bool readable);

  // Constant after construction.
  rd_kafka_t* const client_;
  const TopicPartition partition_;
  const std::shared_ptr<FetchGate> gate_;
  const Logger log_;
  const Told told_;
  const QueueHandle queue_;

  // Owned by the poller.
  bool events_enabled_ = false;

  // Whoever has the lane's turn.
  std::vector<rd_kafka_message_t*> incoming_;
  std::optional<Offset> end_;
  Offset next_ = 0;  // behind what came last
  bool readable_ = true;
};

}  // namespace moult::kafka
