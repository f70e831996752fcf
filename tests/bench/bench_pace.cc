// Produces records at an even pace, each stamped with the clock just before it is handed over.
//
//   bench_pace BOOTSTRAP TOPIC RECORDS PARTITIONS SIZE RATE
#include <fmt/format.h>
#include <time.h>

#include <cstdint>
#include <cstring>

#include "tests/bench/kafka_handles.h"
#include "tests/bench/samples.h"

namespace {

using bench::die;

constexpr std::int64_t kSecond = 1'000'000'000;

bench::ClientHandle make_producer(const std::string& bootstrap) {
  bench::ConfHandle conf(rd_kafka_conf_new());
  bench::set(conf.get(), "bootstrap.servers", bootstrap);
  bench::set(conf.get(), "linger.ms", "0");
  bench::set(conf.get(), "acks", "all");
  return bench::make_client(RD_KAFKA_PRODUCER, std::move(conf));
}

/// The pace does not drift: each record has its own moment, whatever the ones before it took.
void wait_until(std::int64_t when) {
  const timespec at{when / kSecond, when % kSecond};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) != 0) {
  }
}

void produce(rd_kafka_topic_t* topic, int partition, std::uint64_t sequence, std::string& value) {
  const bench_stamp stamp{sequence, bench_now_ns()};
  std::memcpy(value.data(), &stamp, sizeof stamp);
  if (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, value.data(), value.size(), nullptr,
                       0, nullptr) != 0) {
    die("produce", rd_kafka_err2str(rd_kafka_last_error()));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) die("usage", "bench_pace BOOTSTRAP TOPIC RECORDS PARTITIONS SIZE RATE");
  const std::uint64_t records = std::stoull(argv[3]);
  const std::uint64_t partitions = std::stoull(argv[4]);
  std::string value(std::max(std::stoul(argv[5]), sizeof(bench_stamp)), ' ');
  const std::int64_t gap = kSecond / std::stoll(argv[6]);
  const auto client = make_producer(argv[1]);
  const bench::TopicHandle topic(rd_kafka_topic_new(client.get(), argv[2], nullptr));
  const std::int64_t start = bench_now_ns();
  for (std::uint64_t i = 0; i < records; ++i) {
    wait_until(start + static_cast<std::int64_t>(i) * gap);
    produce(topic.get(), static_cast<int>(i % partitions), i, value);
    rd_kafka_poll(client.get(), 0);
  }
  if (rd_kafka_flush(client.get(), 30'000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    die("flush", "not everything was delivered");
  }
}
