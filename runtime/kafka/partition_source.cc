#include "runtime/kafka/partition_source.h"

#include <utility>

#include "runtime/base/check.h"
#include "runtime/kafka/errors.h"

namespace moult::kafka {

PartitionSource::PartitionSource(rd_kafka_t* client, const TopicPartition& partition,
                                 std::shared_ptr<FetchGate> gate, Logger log, Told told)
    : client_(client),
      partition_(partition),
      gate_(std::move(gate)),
      log_(log),
      told_(std::move(told)),
      queue_(rd_kafka_queue_get_partition(client, partition.topic.c_str(), partition.partition)) {
  MOULT_CHECK(queue_ != nullptr, "librdkafka has no queue for an assigned partition");
  rd_kafka_queue_forward(queue_.get(), nullptr);
}

PartitionSource::~PartitionSource() { disable_events(); }

void PartitionSource::enable_events(EventCallback callback, void* opaque) {
  events_enabled_ = true;
  rd_kafka_queue_cb_event_enable(queue_.get(), callback, opaque);
}

void PartitionSource::disable_events() {
  // A later source of the same partition shares the queue: its events are not ours to disable.
  if (!std::exchange(events_enabled_, false)) return;
  rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
}

PartitionSource::Pull PartitionSource::pull(std::uint32_t limit, HeldRecords& into) {
  into.compact();
  FetchGate::Pull opened(*gate_);
  Pull result;
  // The mark of a partition's end takes a place in what librdkafka hands out: it is no record, and
  // must not make a queue that it emptied look as if it had more.
  while (!result.drained && result.records < limit) {
    const std::uint32_t wanted = limit - result.records;
    incoming_.resize(wanted);
    const ssize_t got = rd_kafka_consume_batch_queue(queue_.get(), 0, incoming_.data(), wanted);
    result.drained = got < static_cast<ssize_t>(wanted);
    for (ssize_t i = 0; i < got; ++i) keep(incoming_[static_cast<std::size_t>(i)], into, result);
  }
  opened.count(result.bytes);
  if (result.went_back) opened.went_back();
  return result;
}

void PartitionSource::keep(rd_kafka_message_t* message, HeldRecords& into, Pull& result) {
  MessageHandle owned(message);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    end_.reset();
    set_readable(true);
    result.went_back |= message->offset < std::exchange(next_, message->offset + 1);
    into.push_back(std::move(owned));
    ++result.records;
    result.bytes += into.bytes(into.size() - 1);
  } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    // Not a record's offset, but where fetching goes on: it lies past control records and aborted
    // transactions that no record will ever show.
    end_ = message->offset;
    set_readable(true);
    result.went_back |= message->offset < std::exchange(next_, message->offset);
  } else {
    keep_error(*message);
  }
}

void PartitionSource::keep_error(const rd_kafka_message_t& message) {
  const char* text = rd_kafka_message_errstr(&message);
  report_error(log_, message.err, text,
               {{"topic", partition_.topic}, {"partition", partition_.partition}});
  if (told_.error) told_.error(message.err, text);
  if (leaves_unread(message.err)) set_readable(false);
}

void PartitionSource::set_readable(bool readable) {
  if (std::exchange(readable_, readable) != readable && told_.readable) told_.readable(readable);
}

std::optional<Offset> PartitionSource::take_end(const HeldRecords& held) {
  return held.empty() ? std::exchange(end_, std::nullopt) : std::nullopt;
}

std::int64_t PartitionSource::high_watermark() const {
  std::int64_t low = -1;
  std::int64_t high = -1;
  rd_kafka_get_watermark_offsets(client_, partition_.topic.c_str(), partition_.partition, &low,
                                 &high);
  return high;
}

}  // namespace moult::kafka
