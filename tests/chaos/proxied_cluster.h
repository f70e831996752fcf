#pragma once

#include <string>

#include "tests/support/kafka_cluster.h"
#include "tests/support/proxy.h"

namespace moult::testing {

/// Three brokers, each behind its own link of a proxy. Who comes by KafkaCluster::bootstrap() goes
/// straight to them.
class ProxiedCluster {
 public:
  static constexpr int kBrokers = 3;

  /// The one that all tests of this binary share; started at the first call.
  static ProxiedCluster& shared();

  KafkaCluster& brokers() { return brokers_; }
  Proxy& proxy() { return proxy_; }
  /// For a configuration file: host:port,… of the proxy, quoted.
  std::string bootstrap() const;

 private:
  ProxiedCluster();

  KafkaCluster brokers_;
  Proxy proxy_;
};

}  // namespace moult::testing
