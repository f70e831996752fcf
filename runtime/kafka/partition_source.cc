#include "runtime/kafka/partition_source.h"

#include <utility>

#include "runtime/base/check.h"
#include "runtime/kafka/errors.h"

namespace moult::kafka {
namespace {

const std::uint8_t* bytes_of(const void* data) { return static_cast<const std::uint8_t*>(data); }

std::uint32_t timestamp_type(rd_kafka_timestamp_type_t type) {
  switch (type) {
    case RD_KAFKA_TIMESTAMP_CREATE_TIME:
      return MOULT_TIMESTAMP_CREATE;
    case RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME:
      return MOULT_TIMESTAMP_LOG_APPEND;
    case RD_KAFKA_TIMESTAMP_NOT_AVAILABLE:
      break;
  }
  return MOULT_TIMESTAMP_NONE;
}

}  // namespace

PartitionSource::PartitionSource(rd_kafka_t* client, const TopicPartition& partition, Logger log)
    : client_(client),
      partition_(partition),
      log_(log),
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

PartitionSource::Pull PartitionSource::pull(std::uint32_t limit) {
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
  incoming_.resize(limit);
  const ssize_t got =
      rd_kafka_consume_batch_queue(queue_.get(), 0, incoming_.data(), incoming_.size());
  Pull result;
  result.drained = got < static_cast<ssize_t>(limit);
  for (ssize_t i = 0; i < got; ++i) keep(incoming_[static_cast<std::size_t>(i)], result);
  return result;
}

void PartitionSource::keep(rd_kafka_message_t* message, Pull& result) {
  MessageHandle owned(message);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    end_.reset();
    held_.push_back(std::move(owned));
    ++result.records;
  } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    // Not a record's offset, but where fetching goes on: it lies past control records and aborted
    // transactions that no record will ever show.
    end_ = message->offset;
  } else {
    report_error(log_, message->err, rd_kafka_message_errstr(message),
                 {{"topic", partition_.topic}, {"partition", partition_.partition}});
  }
}

// Field by field, in place: a record made elsewhere and copied here costs four times as much, which
// shows beside all that a record costs.
void PartitionSource::show(std::size_t index, moult_record& into) const {
  const rd_kafka_message_t* message = held(index);
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  into.struct_size = sizeof into;
  into.attempt = 1;
  into.offset = message->offset;
  into.timestamp_ms = rd_kafka_message_timestamp(message, &type);
  into.key = bytes_of(message->key);
  into.value = bytes_of(message->payload);
  into.key_size = static_cast<std::uint32_t>(message->key_len);
  into.value_size = static_cast<std::uint32_t>(message->len);
  into.header_begin = 0;
  into.header_count = 0;
  into.timestamp_type = timestamp_type(type);
  into.reserved = 0;
}

void PartitionSource::append_headers(std::size_t index, std::vector<moult_header>& into) const {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(held(index), &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    moult_header header{};
    header.struct_size = sizeof header;
    header.name = name;
    header.name_size = static_cast<std::uint32_t>(std::char_traits<char>::length(name));
    header.value = bytes_of(value);
    header.value_size = static_cast<std::uint32_t>(size);
    into.push_back(header);
  }
}

void PartitionSource::drop_front(std::size_t count) {
  for (std::size_t i = first_; i < first_ + count; ++i) held_[i].reset();
  first_ += count;
  if (size() > 0) return;
  held_.clear();
  first_ = 0;
}

std::optional<Offset> PartitionSource::take_end() {
  return size() == 0 ? std::exchange(end_, std::nullopt) : std::nullopt;
}

std::int64_t PartitionSource::high_watermark() const {
  std::int64_t low = -1;
  std::int64_t high = -1;
  rd_kafka_get_watermark_offsets(client_, partition_.topic.c_str(), partition_.partition, &low,
                                 &high);
  return high;
}

}  // namespace moult::kafka
