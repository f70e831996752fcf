#include "runtime/kafka/sample_producer.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "runtime/kafka/client.h"
#include "runtime/kafka/errors.h"
#include "runtime/kafka/handles.h"

namespace moult::kafka {
namespace {

constexpr int kFlushTimeoutMs = 30'000;

struct Deliveries {
  std::uint64_t good = 0;
  int last_error = RD_KAFKA_RESP_ERR_NO_ERROR;
};

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto* deliveries = static_cast<Deliveries*>(opaque);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++deliveries->good;
  } else {
    deliveries->last_error = message->err;
  }
}

Result<ClientHandle> make_producer(const std::string& bootstrap_servers, Deliveries& deliveries) {
  std::array<char, 512> error{};
  ConfHandle conf(rd_kafka_conf_new());
  const auto set = rd_kafka_conf_set(conf.get(), "bootstrap.servers", bootstrap_servers.c_str(),
                                     error.data(), error.size());
  if (set != RD_KAFKA_CONF_OK) return failure(error.data());
  rd_kafka_conf_set_opaque(conf.get(), &deliveries);
  rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
  return make_client(RD_KAFKA_PRODUCER, std::move(conf));
}

rd_kafka_resp_err_t enqueue(rd_kafka_t* producer, rd_kafka_topic_t* topic, const Sample& sample) {
  // The topic's own partitioner; the value is copied, librdkafka only lacks the const.
  auto* value = const_cast<char*>(sample.value.data());  // NOLINT
  const int failed =
      rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK,
                       value, sample.value.size(), sample.key.empty() ? nullptr : sample.key.data(),
                       sample.key.size(), nullptr);
  rd_kafka_poll(producer, 0);
  return failed == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error();
}

}  // namespace

Result<std::uint64_t> produce_samples(const std::string& bootstrap_servers,
                                      const std::string& topic,
                                      const std::vector<Sample>& samples) {
  Deliveries deliveries;
  auto producer = make_producer(bootstrap_servers, deliveries);
  if (!producer) return Unexpected(producer.error());
  const TopicHandle handle(rd_kafka_topic_new(producer->get(), topic.c_str(), nullptr));
  if (!handle) return failure(fmt::format("can't produce to '{}'", topic));
  for (const Sample& sample : samples) {
    const auto code = enqueue(producer->get(), handle.get(), sample);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return failure(fmt::format("can't produce to '{}': {}", topic, error_text(code)));
    }
  }
  rd_kafka_flush(producer->get(), kFlushTimeoutMs);
  if (deliveries.good == samples.size()) return deliveries.good;
  return failure(fmt::format("{} of {} records were delivered to '{}': {}", deliveries.good,
                             samples.size(), topic, error_text(deliveries.last_error)));
}

}  // namespace moult::kafka
