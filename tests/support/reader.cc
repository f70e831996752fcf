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

}  // namespace

std::vector<Offset> offsets_in(const std::string& bootstrap, const TopicPartition& partition,
                               const Properties& properties) {
  const auto client = make_consumer(bootstrap, properties);
  assign_from_beginning(client.get(), partition);
  std::vector<Offset> offsets;
  const TimePoint deadline = Clock::now() + kReadBound;
  while (Clock::now() < deadline) {
    const kafka::MessageHandle message(rd_kafka_consumer_poll(client.get(), kPollMs));
    if (!message) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return offsets;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) offsets.push_back(message->offset);
  }
  throw std::runtime_error(
      fmt::format("{}[{}] was not read to its end", partition.topic, partition.partition));
}

}  // namespace moult::testing
