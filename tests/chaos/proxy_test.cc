// The proxy itself: that each mode does what the rounds take it to do.
#include "tests/support/proxy.h"
#include "tests/support/loopback.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <stdexcept>
#include <string>

#include "runtime/base/unique_fd.h"

namespace moult::testing {
namespace {

using std::chrono::milliseconds;

constexpr int kSoonMs = 60'000;
constexpr int kAWhileMs = 300;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

std::uint16_t port_of(const UniqueFd& fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

bool readable(const UniqueFd& fd, int ms) {
  pollfd wanted{fd.get(), POLLIN, 0};
  return ::poll(&wanted, 1, ms) == 1;
}

/// What comes next: the data, "" for a FIN, "RST", or "nothing" for that long.
std::string next(const UniqueFd& fd, int ms) {
  if (!readable(fd, ms)) return "nothing";
  char data[64];
  const ssize_t size = ::recv(fd.get(), data, sizeof data, 0);
  if (size < 0) return errno == ECONNRESET ? "RST" : "error";
  return {data, static_cast<std::size_t>(size)};
}

void send(const UniqueFd& fd, const std::string& data) {
  EXPECT_EQ(::send(fd.get(), data.data(), data.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(data.size()));
}

class ProxyModes : public ::testing::Test {
 protected:
  ProxyModes() {
    ::listen(broker_.get(), 8);
    port_ = static_cast<std::uint16_t>(bind_loopback().port);  // and free again
    proxy_ = std::make_unique<Proxy>(fmt::format("127.0.0.1:{}", port_),
                                     fmt::format("127.0.0.1:{}", port_of(broker_)));
  }

  UniqueFd connect() const {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in to = loopback(port_);
    EXPECT_EQ(::connect(fd.get(), generic(to), sizeof to), 0);
    return fd;
  }

  /// What a new connection meets first: its reset may come before connect() has returned.
  std::string met_by_connection() const {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in to = loopback(port_);
    if (::connect(fd.get(), generic(to), sizeof to) == 0) return next(fd, kSoonMs);
    return errno == ECONNRESET ? "RST" : "error";
  }

  UniqueFd accept() const {
    EXPECT_TRUE(readable(broker_, kSoonMs));
    return UniqueFd(::accept4(broker_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

  UniqueFd broker_ = bind_loopback().fd;
  std::uint16_t port_ = 0;
  std::unique_ptr<Proxy> proxy_;
};

TEST_F(ProxyModes, PassGoesBothWaysAndPassesTheEndOn) {
  UniqueFd client = connect();
  const UniqueFd server = accept();
  send(client, "up");
  EXPECT_EQ(next(server, kSoonMs), "up");
  send(server, "down");
  EXPECT_EQ(next(client, kSoonMs), "down");
  client.reset();
  EXPECT_EQ(next(server, kSoonMs), "");
}

TEST_F(ProxyModes, DelayIsSeen) {
  const UniqueFd client = connect();
  const UniqueFd server = accept();
  proxy_->set(0, {LinkState::Mode::kDelay, milliseconds(500)});
  const TimePoint from = Clock::now();
  send(client, "late");
  EXPECT_EQ(next(server, kSoonMs), "late");
  EXPECT_GE(Clock::now() - from, milliseconds(500));
}

TEST_F(ProxyModes, DropResetsConnectionsAndThoseThatCome) {
  const UniqueFd client = connect();
  const UniqueFd server = accept();
  proxy_->set(0, {LinkState::Mode::kDrop});
  EXPECT_EQ(next(client, kSoonMs), "RST");
  EXPECT_EQ(next(server, kSoonMs), "RST");
  EXPECT_EQ(met_by_connection(), "RST");
  EXPECT_FALSE(readable(broker_, 0)) << "it went on to the broker";
}

TEST_F(ProxyModes, BlackHoleSaysNothingAndPassesEverythingOnLater) {
  UniqueFd client = connect();
  const UniqueFd server = accept();
  proxy_->set_all({LinkState::Mode::kBlackHole});
  const UniqueFd late = connect();
  send(client, "held");
  client.reset();
  send(server, "held too");
  EXPECT_EQ(next(server, kAWhileMs), "nothing") << "neither the data nor the end";
  EXPECT_EQ(next(late, 0), "nothing");
  EXPECT_FALSE(readable(broker_, 0)) << "the later connection went on";
  proxy_->set_all({});
  EXPECT_EQ(next(server, kSoonMs), "held");
  const UniqueFd late_server = accept();
  send(late, "now");
  EXPECT_EQ(next(late_server, kSoonMs), "now");
}

}  // namespace
}  // namespace moult::testing
