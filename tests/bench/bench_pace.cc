// Produces records at an even pace, each stamped with the clock just before it is handed over.
//
//   bench_pace BOOTSTRAP TOPIC RECORDS PARTITIONS SIZE RATE [PROPERTY=VALUE…]
//
// Ends early at SIGTERM, with everything delivered; the last line of its output is then how many
// records that is.
#include <fmt/format.h>
#include <time.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <span>

#include "tests/bench/kafka_handles.h"
#include "tests/bench/samples.h"

namespace {

using bench::die;

constexpr std::int64_t kSecond = 1'000'000'000;

// Above this rate records go in handfuls, one every tick: a wake-up for each would be what the
// machine does.
constexpr std::int64_t kSingleRate = 10'000;
constexpr std::int64_t kTick = 1'000'000;

std::atomic<bool> stopped{false};

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) die("deliver", rd_kafka_err2str(message->err));
}

bench::ClientHandle make_producer(const std::string& bootstrap, std::span<char*> properties) {
  bench::ConfHandle conf(rd_kafka_conf_new());
  bench::set(conf.get(), "bootstrap.servers", bootstrap);
  bench::set(conf.get(), "linger.ms", "0");
  bench::set(conf.get(), "acks", "all");
  for (const char* property : properties) bench::set(conf.get(), property);
  rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
  return bench::make_client(RD_KAFKA_PRODUCER, std::move(conf));
}

/// When record `i` is due, since the start. The pace does not drift: each record has its own
/// moment, whatever the ones before it took.
std::int64_t due(std::uint64_t i, std::int64_t rate) {
  const auto number = static_cast<std::int64_t>(i);
  const std::int64_t exact = number / rate * kSecond + number % rate * kSecond / rate;
  return rate > kSingleRate ? exact - exact % kTick : exact;
}

void wait_until(std::int64_t when) {
  if (bench_now_ns() >= when) return;
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
  if (argc < 7) {
    die("usage", "bench_pace BOOTSTRAP TOPIC RECORDS PARTITIONS SIZE RATE [PROPERTY=VALUE...]");
  }
  std::signal(SIGTERM, [](int) { stopped = true; });
  const std::uint64_t records = std::stoull(argv[3]);
  const std::uint64_t partitions = std::stoull(argv[4]);
  std::string value(std::max(std::stoul(argv[5]), sizeof(bench_stamp)), ' ');
  const std::int64_t rate = std::stoll(argv[6]);
  const auto client = make_producer(argv[1], std::span(argv + 7, argv + argc));
  const bench::TopicHandle topic(rd_kafka_topic_new(client.get(), argv[2], nullptr));
  const std::int64_t start = bench_now_ns();
  std::uint64_t i = 0;
  for (; i < records && !stopped; ++i) {
    wait_until(start + due(i, rate));
    produce(topic.get(), static_cast<int>(i % partitions), i, value);
    rd_kafka_poll(client.get(), 0);
  }
  if (rd_kafka_flush(client.get(), 30'000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    die("flush", "not everything was delivered");
  }
  if (stopped) fmt::print("{}\n", i);
}
