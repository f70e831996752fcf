// The bare loop that Moult's latency is compared with: rd_kafka_consumer_poll, one record at a
// time, as in librdkafka's own introduction. Takes the same samples as bench_latency.so.
//
//   bench_poll GROUP TOPIC [PROPERTY=VALUE…]
//
// Prints "ready" once partitions are assigned.
#include <csignal>

#include "tests/bench/bare_consumer.h"
#include "tests/bench/samples.h"

namespace {

using bench::die;

using moult::kafka::MessageHandle;

volatile std::sig_atomic_t ending = 0;

bool has_partitions(rd_kafka_t* client) {
  rd_kafka_topic_partition_list_t* partitions = nullptr;
  if (rd_kafka_assignment(client, &partitions) != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  return bench::PartitionListHandle(partitions)->cnt > 0;
}

bool take(const rd_kafka_message_t& message) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) die("consume", rd_kafka_message_errstr(&message));
  return bench_sample(message.payload, message.len) != 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) die("usage", "bench_poll GROUP TOPIC [PROPERTY=VALUE…]");
  std::signal(SIGTERM, [](int) { ending = 1; });
  const auto client =
      bench::make_consumer({argv[1], argv[2], std::vector<std::string>(argv + 3, argv + argc)});
  bool ready = false;
  while (!ending) {
    const MessageHandle message(rd_kafka_consumer_poll(client.get(), ready ? 1000 : 20));
    if (message) take(*message);
    if (!ready && has_partitions(client.get())) {
      ready = true;
      std::puts("ready");
      std::fflush(stdout);
    }
  }
  rd_kafka_consumer_close(client.get());
}
