#include "runtime/kafka/outgoing.h"

#include <array>
#include <string>
#include <tuple>

namespace moult::kafka {
namespace {

HeadersHandle headers_of(const moult_message& message) {
  if (message.headers == nullptr || message.header_count == 0) return nullptr;
  HeadersHandle headers(rd_kafka_headers_new(message.header_count));
  const auto* bytes = reinterpret_cast<const char*>(message.headers);
  for (std::uint32_t i = 0; i < message.header_count; ++i) {
    const auto& header =
        *reinterpret_cast<const moult_header*>(bytes + std::size_t{i} * message.header_stride);
    rd_kafka_header_add(headers.get(), header.name, header.name_size, header.value,
                        header.value_size);
  }
  return headers;
}

}  // namespace

ErrorHandle enqueue(rd_kafka_t* client, OutgoingRecord& record, void* opaque) {
  const std::string topic(record.topic);
  std::array<rd_kafka_vu_t, 7> fields{};
  std::size_t count = 0;
  const auto next = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    fields[count].vtype = type;
    return fields[count++];
  };
  next(RD_KAFKA_VTYPE_TOPIC).u.cstr = topic.c_str();
  next(RD_KAFKA_VTYPE_PARTITION).u.i32 = record.partition;
  next(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
  next(RD_KAFKA_VTYPE_OPAQUE).u.ptr = opaque;
  // They are copied; librdkafka only lacks the const.
  next(RD_KAFKA_VTYPE_KEY).u.mem = {const_cast<void*>(record.key), record.key_size};  // NOLINT
  next(RD_KAFKA_VTYPE_VALUE).u.mem = {const_cast<void*>(record.value),                // NOLINT
                                      record.value_size};
  if (record.headers) next(RD_KAFKA_VTYPE_HEADERS).u.headers = record.headers.get();
  ErrorHandle error(rd_kafka_produceva(client, fields.data(), count));
  if (!error) std::ignore = record.headers.release();
  return error;
}

OutgoingRecord outgoing(std::string_view topic, const moult_message& message) {
  OutgoingRecord record;
  record.topic = topic;
  record.key = message.key;
  record.key_size = message.key_size;
  record.value = message.value;
  record.value_size = message.value_size;
  record.headers = headers_of(message);
  return record;
}

}  // namespace moult::kafka
