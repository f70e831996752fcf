#pragma once

#include <string>
#include <vector>

#include "tests/bench/kafka_handles.h"

namespace bench {

struct ConsumerOptions {
  std::string group;
  std::string topic;
  std::vector<std::string> properties;  // name=value
};

/// A subscribed librdkafka consumer, with everything forwarded to its one consumer queue as the
/// library does by itself.
inline ClientHandle make_consumer(const ConsumerOptions& options) {
  ConfHandle conf(rd_kafka_conf_new());
  set(conf.get(), "group.id", options.group);
  for (const std::string& property : options.properties) set(conf.get(), property);
  ClientHandle client = make_client(RD_KAFKA_CONSUMER, std::move(conf));
  rd_kafka_poll_set_consumer(client.get());
  const PartitionListHandle topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), options.topic.c_str(), RD_KAFKA_PARTITION_UA);
  const auto code = rd_kafka_subscribe(client.get(), topics.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) die("subscribe", rd_kafka_err2str(code));
  return client;
}

}  // namespace bench
