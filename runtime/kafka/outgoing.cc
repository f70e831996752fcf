#include "runtime/kafka/outgoing.h"

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
