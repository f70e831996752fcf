#include "tests/support/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>

namespace moult::testing {

LoopbackPort bind_loopback() {
  LoopbackPort bound{UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (!bound.fd || ::bind(bound.fd.get(), name, size) != 0 ||
      ::getsockname(bound.fd.get(), name, &size) != 0) {
    throw std::runtime_error("there is no free port on 127.0.0.1");
  }
  bound.port = ntohs(address.sin_port);
  return bound;
}

}  // namespace moult::testing
