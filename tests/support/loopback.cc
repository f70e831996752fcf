#include "tests/support/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>

namespace moult::testing {

namespace {

constexpr int kFirstLasting = 10'000;
constexpr int kLastLasting = 19'999;

/// Nothing when the port is taken; 0 asks for any.
std::optional<LoopbackPort> try_bind(int port) {
  LoopbackPort bound{UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (!bound.fd || ::bind(bound.fd.get(), name, size) != 0 ||
      ::getsockname(bound.fd.get(), name, &size) != 0) {
    return std::nullopt;
  }
  bound.port = ntohs(address.sin_port);
  return bound;
}

}  // namespace

LoopbackPort bind_loopback() {
  auto bound = try_bind(0);
  if (!bound) throw std::runtime_error("there is no free port on 127.0.0.1");
  return std::move(*bound);
}

int lasting_free_port() {
  std::random_device random;
  std::uniform_int_distribution<int> any(kFirstLasting, kLastLasting);
  for (int tries = 0; tries < kLastLasting - kFirstLasting; ++tries) {
    if (const auto bound = try_bind(any(random))) return bound->port;
  }
  throw std::runtime_error("there is no free port on 127.0.0.1");
}

}  // namespace moult::testing
