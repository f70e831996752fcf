#include "runtime/kafka/mock_broker.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>  // needs the one above it

#include <array>
#include <cstdint>
#include <utility>

#include "runtime/kafka/client.h"
#include "runtime/kafka/errors.h"
#include "runtime/kafka/handles.h"

namespace moult::kafka {
namespace {

using ClusterHandle =
    std::unique_ptr<rd_kafka_mock_cluster_t,
                    Releaser<rd_kafka_mock_cluster_t, rd_kafka_mock_cluster_destroy>>;

constexpr std::int32_t kOnlyBroker = 1;

class LibrdkafkaMock final : public MockBroker {
 public:
  // The cluster lives inside a client that is used for nothing else.
  LibrdkafkaMock(ClientHandle host, ClusterHandle cluster)
      : host_(std::move(host)),
        cluster_(std::move(cluster)),
        bootstrap_servers_(rd_kafka_mock_cluster_bootstraps(cluster_.get())) {}

  const std::string& bootstrap_servers() const override { return bootstrap_servers_; }

  Result<Ok> create_topic(const std::string& topic, int partitions) override {
    const auto code = rd_kafka_mock_topic_create(cluster_.get(), topic.c_str(), partitions, 1);
    // It makes one by itself when somebody produces to it.
    const bool there = code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || there) return Ok{};
    return failure(
        fmt::format("can't create topic '{}' on the embedded broker: {}", topic, error_text(code)));
  }

  void answer_after(Milliseconds delay) override {
    rd_kafka_mock_broker_set_rtt(cluster_.get(), kOnlyBroker, static_cast<int>(delay.count()));
  }

 private:
  ClientHandle host_;
  ClusterHandle cluster_;
  std::string bootstrap_servers_;
};

}  // namespace

Result<std::unique_ptr<MockBroker>> MockBroker::start() {
  std::array<char, 512> error{};
  ConfHandle conf(rd_kafka_conf_new());
  rd_kafka_conf_set(conf.get(), "client.id", "moult-embedded-broker", error.data(), error.size());
  // It connects to nothing, and would warn of that.
  rd_kafka_conf_set_log_cb(conf.get(), nullptr);
  auto host = make_client(RD_KAFKA_PRODUCER, std::move(conf));
  if (!host) {
    return failure(fmt::format("can't start the embedded broker: {}", host.error().message));
  }
  ClusterHandle cluster(rd_kafka_mock_cluster_new(host->get(), 1));
  if (!cluster) return failure("can't start the embedded broker: no loopback socket");
#if RD_KAFKA_VERSION >= 0x020600ff
  rd_kafka_mock_group_initial_rebalance_delay_ms(cluster.get(), 0);
#endif
  return std::unique_ptr<MockBroker>(
      std::make_unique<LibrdkafkaMock>(std::move(*host), std::move(cluster)));
}

}  // namespace moult::kafka
