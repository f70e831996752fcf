#include "runtime/kafka/held_records.h"

#include <string>
#include <utility>

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

const rd_kafka_headers_t* headers_of(const rd_kafka_message_t& message) {
  rd_kafka_headers_t* headers = nullptr;
  rd_kafka_message_headers(&message, &headers);
  return headers;
}

// Field by field, in place: a record made elsewhere and copied here costs four times as much, which
// shows beside all that a record costs.
void HeldRecords::show(std::size_t index, moult_record& into) const {
  const rd_kafka_message_t* from = message(index);
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  into.struct_size = sizeof into;
  into.attempt = 1;
  into.offset = from->offset;
  into.timestamp_ms = timestamp(index, &type);
  into.key = bytes_of(from->key);
  into.value = bytes_of(from->payload);
  into.key_size = static_cast<std::uint32_t>(from->key_len);
  into.value_size = static_cast<std::uint32_t>(from->len);
  into.header_begin = 0;
  into.header_count = 0;
  into.timestamp_type = timestamp_type(type);
  into.reserved = 0;
}

void HeldRecords::append_headers(std::size_t index, std::vector<moult_header>& into) const {
  const rd_kafka_headers_t* its = headers(index);
  if (its == nullptr) return;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       rd_kafka_header_get_all(its, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    moult_header header{};
    header.struct_size = sizeof header;
    header.name = name;
    header.name_size = static_cast<std::uint32_t>(std::char_traits<char>::length(name));
    header.value = bytes_of(value);
    header.value_size = static_cast<std::uint32_t>(size);
    into.push_back(header);
  }
}

std::int64_t HeldRecords::timestamp(std::size_t index, rd_kafka_timestamp_type_t* type) const {
  const Record& record = held_[first_ + index];
  if (!record.own) return rd_kafka_message_timestamp(record.borrowed.get(), type);
  if (type != nullptr) *type = record.own->timestamp_type;
  return record.own->timestamp;
}

const rd_kafka_headers_t* HeldRecords::headers(std::size_t index) const {
  const Record& record = held_[first_ + index];
  if (record.own) return record.own->headers.get();
  return headers_of(*record.borrowed);
}

void HeldRecords::own(std::size_t index) {
  for (std::size_t i = first_ + index; i < held_.size(); ++i) {
    if (held_[i].own) continue;
    held_[i].own = copy_of(*held_[i].borrowed);
    held_[i].borrowed.reset();
  }
}

std::unique_ptr<HeldRecords::Own> HeldRecords::copy_of(const rd_kafka_message_t& from) {
  auto copy = std::make_unique<Own>();
  copy->timestamp = rd_kafka_message_timestamp(&from, &copy->timestamp_type);
  if (const auto* headers = headers_of(from)) copy->headers.reset(rd_kafka_headers_copy(headers));
  copy->bytes.reserve(from.key_len + from.len);
  if (from.key != nullptr) copy->bytes.append(static_cast<const char*>(from.key), from.key_len);
  if (from.payload != nullptr) {
    copy->bytes.append(static_cast<const char*>(from.payload), from.len);
  }
  // No key and an empty one differ.
  copy->message.offset = from.offset;
  copy->message.partition = from.partition;
  copy->message.key_len = from.key_len;
  copy->message.len = from.len;
  if (from.key != nullptr) copy->message.key = copy->bytes.data();
  if (from.payload != nullptr) copy->message.payload = copy->bytes.data() + from.key_len;
  return copy;
}

void HeldRecords::drop_front(std::size_t count) {
  for (std::size_t i = first_; i < first_ + count; ++i) held_[i] = Record{};
  first_ += count;
  if (size() > 0) return;
  held_.clear();
  first_ = 0;
}

void HeldRecords::move_front_to(HeldRecords& other) {
  other.held_.push_back(std::move(held_[first_]));
  drop_front(1);
}

void HeldRecords::compact() {
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
}

}  // namespace moult::kafka
