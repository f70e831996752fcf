// Fills a topic with JSON records, spread evenly over its partitions. Record i is
//   {"event":"order.created","user_id":…,"n":<i % 1000>,"currency":"EUR","note":"…"}
// padded by its note to SIZE bytes. Does nothing when the topic holds exactly RECORDS already;
// one that holds another number is refused. The topic exists.
//
//   bench_fill BOOTSTRAP TOPIC RECORDS PARTITIONS SIZE [KEYS]
//
// With KEYS, a multiple of PARTITIONS, record i has the key i % KEYS, else none.
#include <fmt/format.h>

#include <cstdint>

#include "tests/bench/kafka_handles.h"

namespace {

using bench::die;

constexpr int kTimeoutMs = 30'000;
constexpr int kAttempts = 50;
constexpr int kPauseMs = 200;

std::string value_of(std::uint64_t record, std::size_t size) {
  std::string value =
      fmt::format(R"({{"event":"order.created","user_id":{},"n":{},"currency":"EUR","note":")",
                  100'000 + record % 99'991, record % 1000);
  constexpr std::string_view kEnd = "\"}";
  if (value.size() + kEnd.size() > size) die("SIZE", "is too small for the record");
  constexpr std::string_view kText = "leave it with the neighbours, please; ";
  while (value.size() + kEnd.size() < size) {
    value += kText.substr(0, size - kEnd.size() - value.size());
  }
  value += kEnd;
  return value;
}

/// Asks again while a new topic has no leaders yet.
std::uint64_t stored_in(rd_kafka_t* client, const std::string& topic, int partition) {
  std::int64_t low = 0;
  std::int64_t high = 0;
  auto code = RD_KAFKA_RESP_ERR_NO_ERROR;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    code =
        rd_kafka_query_watermark_offsets(client, topic.c_str(), partition, &low, &high, kTimeoutMs);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return static_cast<std::uint64_t>(high - low);
    rd_kafka_poll(client, kPauseMs);
  }
  die("query watermarks", rd_kafka_err2str(code));
}

std::uint64_t stored(rd_kafka_t* client, const std::string& topic, int partitions) {
  std::uint64_t sum = 0;
  for (int i = 0; i < partitions; ++i) sum += stored_in(client, topic, i);
  return sum;
}

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) die("deliver", rd_kafka_err2str(message->err));
}

bench::ClientHandle make_producer(const std::string& bootstrap) {
  bench::ConfHandle conf(rd_kafka_conf_new());
  bench::set(conf.get(), "bootstrap.servers", bootstrap);
  bench::set(conf.get(), "enable.idempotence", "true");
  bench::set(conf.get(), "linger.ms", "50");
  bench::set(conf.get(), "batch.size", "1000000");
  rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
  return bench::make_client(RD_KAFKA_PRODUCER, std::move(conf));
}

void produce(rd_kafka_t* client, rd_kafka_topic_t* topic, int partition, std::string& value,
             const std::string& key) {
  while (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, value.data(), value.size(),
                          key.empty() ? nullptr : key.data(), key.size(), nullptr) != 0) {
    const auto code = rd_kafka_last_error();
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) die("produce", rd_kafka_err2str(code));
    rd_kafka_poll(client, 100);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6 && argc != 7) {
    die("usage", "bench_fill BOOTSTRAP TOPIC RECORDS PARTITIONS SIZE [KEYS]");
  }
  const std::string name = argv[2];
  const std::uint64_t records = std::stoull(argv[3]);
  const int partitions = std::stoi(argv[4]);
  const std::size_t size = std::stoul(argv[5]);
  const std::uint64_t keys = argc == 7 ? std::stoull(argv[6]) : 0;
  const auto client = make_producer(argv[1]);
  const std::uint64_t before = stored(client.get(), name, partitions);
  if (before == records) return 0;
  if (before != 0) die(name, fmt::format("holds {} records, not {}", before, records));
  const bench::TopicHandle topic(rd_kafka_topic_new(client.get(), name.c_str(), nullptr));
  for (std::uint64_t i = 0; i < records; ++i) {
    std::string value = value_of(i, size);
    produce(client.get(), topic.get(), static_cast<int>(i % static_cast<unsigned>(partitions)),
            value, keys == 0 ? "" : std::to_string(i % keys));
    if (i % 1000 == 0) rd_kafka_poll(client.get(), 0);
  }
  if (rd_kafka_flush(client.get(), kTimeoutMs) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    die("flush", "not everything was delivered");
  }
}
