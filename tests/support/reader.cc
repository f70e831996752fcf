#include "tests/support/reader.h"

#include <fmt/format.h>

#include <array>
#include <stdexcept>

namespace moult::testing {
namespace {

constexpr std::chrono::seconds kReadBound{30};
constexpr int kPollMs = 500;

kafka::ClientHandle make_consumer(const std::string& bootstrap, const Properties& properties) {
  Properties all = properties;
  all.merge(Properties{{"group.id", "reader"},  // without one there is no consumer
                       {"enable.auto.commit", "false"},
                       {"enable.partition.eof", "true"}});
  auto client = require_client(RD_KAFKA_CONSUMER, client_conf(bootstrap, all));
  rd_kafka_poll_set_consumer(client.get());
  return client;
}

void assign_from_beginning(rd_kafka_t* client, const TopicPartition& partition) {
  const kafka::PartitionListHandle list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
      ->offset = RD_KAFKA_OFFSET_BEGINNING;
  const auto code = rd_kafka_assign(client, list.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(code));
}

/// Hands over each record from the beginning to the end.
template <typename Take>
void read_all(const std::string& bootstrap, const TopicPartition& partition,
              const Properties& properties, Take&& take) {
  const auto client = make_consumer(bootstrap, properties);
  assign_from_beginning(client.get(), partition);
  const TimePoint deadline = Clock::now() + kReadBound;
  while (Clock::now() < deadline) {
    const kafka::MessageHandle message(rd_kafka_consumer_poll(client.get(), kPollMs));
    if (!message) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) take(message.get());
  }
  throw std::runtime_error(
      fmt::format("{}[{}] was not read to its end", partition.topic, partition.partition));
}

Bytes bytes(const void* at, std::size_t size) {
  if (at == nullptr) return std::nullopt;
  return std::string(static_cast<const char*>(at), size);
}

HeaderList headers_of(const rd_kafka_message_t* message) {
  HeaderList list;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return list;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    list.emplace_back(name, bytes(value, size));
  }
  return list;
}

}  // namespace

std::vector<Offset> offsets_in(const std::string& bootstrap, const TopicPartition& partition,
                               const Properties& properties) {
  std::vector<Offset> offsets;
  read_all(bootstrap, partition, properties,
           [&](const rd_kafka_message_t* message) { offsets.push_back(message->offset); });
  return offsets;
}

std::vector<Bytes> ReadRecord::all_of(const std::string& name) const {
  std::vector<Bytes> values;
  for (const auto& [each, bytes_of_it] : headers) {
    if (each == name) values.push_back(bytes_of_it);
  }
  return values;
}

std::string ReadRecord::header(const std::string& name) const {
  const auto values = all_of(name);
  if (values.size() == 1 && values[0]) return *values[0];
  throw std::runtime_error(fmt::format("{} headers {} at offset {}", values.size(), name, offset));
}

std::vector<ReadRecord> records_in(const std::string& bootstrap, const TopicPartition& partition,
                                   const Properties& properties) {
  std::vector<ReadRecord> records;
  read_all(bootstrap, partition, properties, [&](const rd_kafka_message_t* message) {
    records.push_back({message->offset, bytes(message->key, message->key_len),
                       bytes(message->payload, message->len),
                       rd_kafka_message_timestamp(message, nullptr), headers_of(message)});
  });
  return records;
}

}  // namespace moult::testing
