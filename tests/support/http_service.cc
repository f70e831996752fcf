#include "tests/support/http_service.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "runtime/base/lower_case.h"
#include "tests/support/loopback.h"

namespace moult::testing {
namespace {

constexpr std::size_t kMaxRequest = 65'536;
constexpr int kBacklog = 16;
constexpr int kPatienceMs = 10'000;

UniqueFd listen_on_loopback(std::string& url) {
  LoopbackPort bound = bind_loopback();
  if (::listen(bound.fd.get(), kBacklog) != 0) {
    throw std::runtime_error("no HTTP service on loopback");
  }
  url = fmt::format("http://127.0.0.1:{}", bound.port);
  return std::move(bound.fd);
}

/// Up to the empty line: these requests have no bodies.
std::string read_head(int fd) {
  std::string head;
  std::array<char, 4096> part{};
  while (head.find("\r\n\r\n") == head.npos && head.size() < kMaxRequest) {
    pollfd ready{fd, POLLIN, 0};
    if (::poll(&ready, 1, kPatienceMs) <= 0) break;
    const ssize_t size = ::recv(fd, part.data(), part.size(), 0);
    if (size <= 0) break;
    head.append(part.data(), static_cast<std::size_t>(size));
  }
  return head;
}

HttpService::Request parse_request(const std::string& head) {
  HttpService::Request request;
  std::istringstream lines(head);
  std::string line;
  std::getline(lines, line);
  std::istringstream(line) >> request.method >> request.path;
  while (std::getline(lines, line)) {
    if (line.ends_with('\r')) line.pop_back();
    const std::size_t colon = line.find(": ");
    if (colon != line.npos)
      request.headers[lower_case(line.substr(0, colon))] = line.substr(colon + 2);
  }
  return request;
}

}  // namespace

HttpService::HttpService(Answer answer)
    : answer_(std::move(answer)),
      listener_(listen_on_loopback(url_)),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      thread_([this] { serve(); }) {}

HttpService::~HttpService() {
  const std::uint64_t one = 1;
  if (::write(stop_.get(), &one, sizeof one) != sizeof one) std::terminate();
  thread_.join();
}

std::vector<HttpService::Request> HttpService::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void HttpService::serve() {
  for (;;) {
    std::array<pollfd, 2> ready{{{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), -1);
    if (ready[1].revents != 0) return;
    if (ready[0].revents == 0) continue;
    serve_one(UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
  }
}

void HttpService::serve_one(UniqueFd client) {
  const Request request = parse_request(read_head(client.get()));
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  const Response response = answer_(request);
  if (response.silent) {
    silent_.push_back(std::move(client));
    return;
  }
  const std::string text =
      fmt::format("HTTP/1.1 {} -\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                  response.status, response.body.size(), response.body);
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t size = ::send(client.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (size <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(size));
  }
}

}  // namespace moult::testing
