#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>

#include "runtime/base/unique_fd.h"
#include "tests/support/scratch.h"

namespace moult::testing {

/// The service manager's end of sd_notify(3): while it lives, this process is a service of its.
class NotifySocket {
 public:
  explicit NotifySocket(std::optional<long> watchdog_us = std::nullopt)
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    const std::string path = scratch_ / "notify";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    // The cast is what the interface of sockets asks for.
    if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("bind failed");
    }
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    if (watchdog_us) ::setenv("WATCHDOG_USEC", std::to_string(*watchdog_us).c_str(), 1);
  }
  ~NotifySocket() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
  }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  /// The next message; empty when there is none.
  std::string take() {
    std::array<char, 4096> buffer{};
    const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    return size <= 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(size));
  }

 private:
  const Scratch scratch_;
  const UniqueFd fd_;
};

}  // namespace moult::testing
