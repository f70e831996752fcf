// The bare loop that Moult is compared with: batches straight from the consumer queue, on one
// thread, and nothing else. No offset is stored or committed, which Moult does: the comparison is
// strict. Each record is counted or its JSON field "n" added up.
//
//   bench_bare GROUP TOPIC count|json BATCH [PROPERTY=VALUE…]
#include <simdjson.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstring>

#include "tests/bench/bare_consumer.h"
#include "tests/bench/window.h"

namespace {

using bench::die;

class Counter {
 public:
  void add(const rd_kafka_message_t& message) { sum_ += static_cast<std::int64_t>(message.len); }
  std::int64_t sum() const { return sum_; }

 private:
  std::int64_t sum_ = 0;
};

/// Parses in place. simdjson reads up to SIMDJSON_PADDING bytes past the text; those are mapped
/// unless they lie on the next page, and only then is the record copied.
class JsonAdder {
 public:
  void add(const rd_kafka_message_t& message) {
    const char* json = static_cast<const char*>(message.payload);
    if (reaches_next_page(json + message.len)) json = copy(json, message.len);
    auto document = parser_.iterate(json, message.len, message.len + simdjson::SIMDJSON_PADDING);
    sum_ += document.find_field("n").get_int64();
  }
  std::int64_t sum() const { return sum_; }

 private:
  static bool reaches_next_page(const char* end) {
    constexpr std::uintptr_t kPage = 4096;
    return reinterpret_cast<std::uintptr_t>(end) % kPage + simdjson::SIMDJSON_PADDING > kPage;
  }

  const char* copy(const char* json, std::size_t size) {
    if (copy_.size() < size + simdjson::SIMDJSON_PADDING) {
      copy_.resize(size + simdjson::SIMDJSON_PADDING);
    }
    std::memcpy(copy_.data(), json, size);
    return copy_.data();
  }

  simdjson::ondemand::parser parser_;
  std::string copy_;
  std::int64_t sum_ = 0;
};

volatile std::sig_atomic_t ending = 0;

template <typename Work>
std::int64_t consume(rd_kafka_queue_t* queue, std::size_t batch) {
  Work work;
  std::vector<rd_kafka_message_t*> messages(batch);
  bool done = false;
  while (!done && !ending) {
    const ssize_t got = rd_kafka_consume_batch_queue(queue, 1000, messages.data(), batch);
    if (got <= 0) continue;
    bench_window_open();
    for (ssize_t i = 0; i < got; ++i) {
      rd_kafka_message_t* message = messages[static_cast<std::size_t>(i)];
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        die("consume", rd_kafka_message_errstr(message));
      }
      work.add(*message);
      rd_kafka_message_destroy(message);
    }
    done = bench_window_add(static_cast<std::uint64_t>(got)) != 0;
  }
  return work.sum();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) die("usage", "bench_bare GROUP TOPIC count|json BATCH [PROPERTY=VALUE…]");
  const std::string variant = argv[3];
  const std::size_t batch = std::stoul(argv[4]);
  std::signal(SIGTERM, [](int) { ending = 1; });
  const auto client =
      bench::make_consumer({argv[1], argv[2], std::vector<std::string>(argv + 5, argv + argc)});
  const bench::QueueHandle queue(rd_kafka_queue_get_consumer(client.get()));
  const std::int64_t sum = variant == "json" ? consume<JsonAdder>(queue.get(), batch)
                                             : consume<Counter>(queue.get(), batch);
  std::printf("%lld\n", static_cast<long long>(sum));
  rd_kafka_consumer_close(client.get());
}
