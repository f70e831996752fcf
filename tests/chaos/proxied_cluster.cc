#include "tests/chaos/proxied_cluster.h"

#include <fmt/format.h>

namespace moult::testing {
namespace {

constexpr const char* kListener = "PROXIED";

KafkaCluster::Options three_brokers() {
  KafkaCluster::Options options;
  options.brokers = ProxiedCluster::kBrokers;
  // With group.protocol=consumer the broker says how soon members are missed.
  options.properties =
      "group.consumer.heartbeat.interval.ms=300\ngroup.consumer.session.timeout.ms=6000\n";
  options.listeners = {fmt::format("{}:PLAINTEXT:proxied", kListener)};
  return options;
}

}  // namespace

ProxiedCluster& ProxiedCluster::shared() {
  static ProxiedCluster cluster;
  return cluster;
}

ProxiedCluster::ProxiedCluster()
    : brokers_(three_brokers()),
      proxy_(brokers_.bootstrap(kListener),
             brokers_.bootstrap(fmt::format("{}.direct", kListener))) {}

std::string ProxiedCluster::bootstrap() const {
  return fmt::format("'{}'", brokers_.bootstrap(kListener));
}

}  // namespace moult::testing
