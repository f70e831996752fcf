#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/dispatch/types.h"
#include "runtime/kafka/handles.h"
#include "sdk/include/moult/moult.h"

namespace moult::kafka {

/// One partition's fetch queue, cut off from the consumer queue, and the records taken out of it
/// that are not finished yet. Fetching stops by itself when nobody pulls.
///
/// Threads: made and given events by the poller; everything else belongs to whoever has the lane's
/// turn. Records are borrowed from librdkafka's fetch buffers: bound what is held by bytes.
class PartitionSource {
 public:
  struct Pull {
    std::uint32_t records = 0;
    bool drained = false;  // the queue is empty: the next record raises its event
  };

  using EventCallback = void (*)(rd_kafka_t*, void* opaque);

  PartitionSource(rd_kafka_t* client, const TopicPartition& partition, Logger log);
  PartitionSource(const PartitionSource&) = delete;
  PartitionSource& operator=(const PartitionSource&) = delete;
  ~PartitionSource();

  /// Poller: `callback` runs on a librdkafka thread, under the queue's lock, whenever the queue
  /// stops being empty. After disable_events() returns it is not running and will not run.
  void enable_events(EventCallback callback, void* opaque);
  void disable_events();

  /// Takes up to `limit` records out of the queue, behind those held. Never waits.
  Pull pull(std::uint32_t limit);

  std::size_t size() const { return held_.size() - first_; }
  std::size_t bytes(std::size_t index) const {  // key and value
    return held(index)->len + held(index)->key_len;
  }
  Offset offset(std::size_t index) const { return held(index)->offset; }
  /// Sets every field of `into`, with no headers; its views live as long as the record is held.
  void show(std::size_t index, moult_record& into) const;

  /// Appends the headers of a record; the views live as long as the record is held.
  void append_headers(std::size_t index, std::vector<moult_header>& into) const;

  void drop_front(std::size_t count);

  /// The partition's end, once reached behind everything held; cleared by taking it.
  std::optional<Offset> take_end();

  std::int64_t high_watermark() const;

 private:
  void keep(rd_kafka_message_t* message, Pull& result);
  const rd_kafka_message_t* held(std::size_t index) const { return held_[first_ + index].get(); }

  // Constant after construction.
  rd_kafka_t* const client_;
  const TopicPartition partition_;
  const Logger log_;
  const QueueHandle queue_;

  // Owned by the poller.
  bool events_enabled_ = false;

  // Whoever has the lane's turn.
  std::vector<rd_kafka_message_t*> incoming_;
  std::vector<MessageHandle> held_;  // those before first_ are dropped
  std::size_t first_ = 0;
  std::optional<Offset> end_;
};

}  // namespace moult::kafka
