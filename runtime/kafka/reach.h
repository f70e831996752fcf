#pragma once

#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/time.h"
#include "runtime/kafka/bootstrap.h"

namespace moult::kafka {

/// A numeric address to connect to; never longer than a socket's.
struct SocketAddress {
  int family = 0;
  std::string bytes;  // of a sockaddr
  std::string text;   // 10.0.0.1
};

/// The addresses of a broker, as this machine's resolver has them; at least one. The error is the
/// resolver's, or that it was silent until `until`.
Result<std::vector<SocketAddress>> resolve(const BrokerAddress& broker, TimePoint until);

/// Whether one of the addresses takes a connection, which is closed at once: the first that does.
/// All are tried, side by side. The error begins as librdkafka's does in the same case.
Result<std::string> connect_to(const std::vector<SocketAddress>& addresses, TimePoint until);

}  // namespace moult::kafka
