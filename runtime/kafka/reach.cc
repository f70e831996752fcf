#include "runtime/kafka/reach.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "runtime/base/unique_fd.h"

namespace moult::kafka {
namespace {

constexpr std::size_t kMostAddresses = 16;  // of one name

struct AddressesRelease {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, AddressesRelease>;

/// What the resolver says, on its way from the thread that waits for it.
struct Answer {
  std::mutex mutex;
  std::condition_variable come;
  bool done = false;  // guarded by mutex, as what follows
  int code = 0;
  Addresses list;
};

void ask_resolver(const BrokerAddress& broker, Answer& answer) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(broker.host.c_str(), broker.port.c_str(), &hints, &list);
  const std::lock_guard lock(answer.mutex);
  answer.done = true;
  answer.code = code;
  if (code == 0) answer.list.reset(list);
  answer.come.notify_one();
}

std::string numeric(const addrinfo& info) {
  std::array<char, NI_MAXHOST> host{};
  ::getnameinfo(info.ai_addr, info.ai_addrlen, host.data(), host.size(), nullptr, 0,
                NI_NUMERICHOST);
  return host.data();
}

std::vector<SocketAddress> addresses_of(const addrinfo* list) {
  std::vector<SocketAddress> all;
  for (; list != nullptr && all.size() < kMostAddresses; list = list->ai_next) {
    std::string bytes(list->ai_addrlen, '\0');
    std::memcpy(bytes.data(), list->ai_addr, list->ai_addrlen);
    all.push_back({list->ai_family, std::move(bytes), numeric(*list)});
  }
  return all;
}

/// A connection under way. `error` is 0 while it is.
struct Attempt {
  UniqueFd fd;
  std::string text;
  int error = 0;
};

Attempt begin_attempt(const SocketAddress& address) {
  Attempt attempt{UniqueFd(::socket(address.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
                  address.text};
  sockaddr_storage storage{};
  std::memcpy(&storage, address.bytes.data(), std::min(address.bytes.size(), sizeof storage));
  const auto* name = reinterpret_cast<const sockaddr*>(&storage);  // NOLINT
  const auto size = static_cast<socklen_t>(address.bytes.size());
  if (attempt.fd.get() < 0 ||
      (::connect(attempt.fd.get(), name, size) != 0 && errno != EINPROGRESS)) {
    attempt.error = errno;
  }
  return attempt;
}

int error_of_socket(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

/// Waits for something to happen to those under way; the index of one that has connected.
std::optional<std::size_t> await_one(std::vector<Attempt>& attempts, int timeout_ms) {
  std::vector<pollfd> fds;
  fds.reserve(attempts.size());
  for (const Attempt& attempt : attempts) {
    fds.push_back({attempt.error == 0 ? attempt.fd.get() : -1, POLLOUT, 0});
  }
  if (::poll(fds.data(), fds.size(), timeout_ms) <= 0) return std::nullopt;
  for (std::size_t i = 0; i < fds.size(); ++i) {
    if (fds[i].fd < 0 || fds[i].revents == 0) continue;
    attempts[i].error = error_of_socket(fds[i].fd);
    if (attempts[i].error == 0) return i;
  }
  return std::nullopt;
}

std::string words_for(int error) { return std::generic_category().message(error); }

Unexpected<Error> none_connected(const std::vector<Attempt>& attempts) {
  const auto under_way = std::ranges::find(attempts, 0, &Attempt::error);
  if (under_way != attempts.end()) {
    return failure(fmt::format("{}: Connection setup timed out in state CONNECT", under_way->text));
  }
  const Attempt& last = attempts.back();
  return failure(fmt::format("Connect to {} failed: {}", last.text, words_for(last.error)));
}

}  // namespace

/// The resolver can't be interrupted: it is left to a thread that keeps what it needs alive.
Result<std::vector<SocketAddress>> resolve(const BrokerAddress& broker, TimePoint until) {
  const auto answer = std::make_shared<Answer>();
  std::thread([answer, broker] { ask_resolver(broker, *answer); }).detach();
  std::unique_lock lock(answer->mutex);
  const bool come = answer->come.wait_until(lock, until, [&] { return answer->done; });
  if (!come) return failure("Failed to resolve: no answer in time");
  if (answer->code != 0) {
    return failure(fmt::format("Failed to resolve: {}", ::gai_strerror(answer->code)));
  }
  return addresses_of(answer->list.get());
}

Result<std::string> connect_to(const std::vector<SocketAddress>& addresses, TimePoint until) {
  std::vector<Attempt> attempts;
  attempts.reserve(addresses.size());
  for (const SocketAddress& address : addresses) attempts.push_back(begin_attempt(address));
  const auto pending = [&] {
    return std::ranges::find(attempts, 0, &Attempt::error) != attempts.end();
  };
  for (TimePoint now = Clock::now(); pending() && now < until; now = Clock::now()) {
    if (const auto one = await_one(attempts, poll_ms(until - now))) {
      return attempts[*one].text;
    }
  }
  return none_connected(attempts);
}

}  // namespace moult::kafka
