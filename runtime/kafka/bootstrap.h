#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/kafka/client_config.h"

namespace moult::kafka {

/// One entry of a broker list.
struct BrokerAddress {
  std::string host;
  std::string port = "9092";

  /// As it is shown, and as librdkafka takes it: a host with colons is in brackets.
  std::string to_string() const;
  friend bool operator==(const BrokerAddress&, const BrokerAddress&) = default;
};

/// The hosts of a broker list, however it is written: blanks, PROTOCOL://, and what stands before
/// an @ (a password, in the URLs of some services) are not part of them.
std::vector<BrokerAddress> broker_addresses(std::string_view list);

/// `bootstrap.servers`, or its alias; empty when neither is set.
std::string_view bootstrap_servers(const Properties& properties);

}  // namespace moult::kafka
