#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/admin/admin_client.h"
#include "runtime/admin/admin_server.h"
#include "runtime/admin/socket_file.h"

namespace moult {

/// Bounds what must happen; a good run never waits so long.
inline constexpr std::chrono::seconds kAdminBound{20};

/// Keeps the lines of a log.
class KeptLog : public LogSink {
 public:
  bool enabled(Component, Severity) const noexcept override { return true; }
  void write(Component, Severity severity, std::string_view message,
             std::span<const Field> fields) noexcept override {
    std::string line = std::string(name_of(severity)) + ": " + std::string(message);
    for (const Field& field : fields) {
      line += " " + std::string(field.key) + "=";
      if (const auto* text = std::get_if<std::string_view>(&field.value)) line += *text;
      if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
        line += std::to_string(*number);
      }
    }
    const std::lock_guard lock(mutex_);
    lines_.push_back(line);
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// A folder for sockets with a short path: theirs are bounded.
class AdminTest : public ::testing::Test {
 protected:
  AdminTest() {
    std::string pattern = "/tmp/moult-admin-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder");
    folder_ = pattern;
    socket_ = folder_ / "admin.sock";
  }
  ~AdminTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  static AdminResponse echo(const AdminRequest& request) {
    return {200, request.method + " " + request.target + " " + request.body};
  }

  /// Answers `/slow` when the test says so, all others at once.
  AdminHandler handler() {
    return [this](const AdminRequest& request, const AdminReply& reply) {
      if (request.target != "/slow") return reply(echo(request));
      const std::lock_guard lock(mutex_);
      slow_.push_back(reply);
      changed_.notify_all();
    };
  }

  /// The replies of slow requests once there are `count`.
  std::vector<AdminReply> await_slow(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kAdminBound, [&] { return slow_.size() >= count; }));
    return std::exchange(slow_, {});
  }

  std::unique_ptr<AdminServer> serve(AdminServerOptions options) {
    auto server = AdminServer::open(std::move(options), handler(), log());
    EXPECT_TRUE(server) << server.error().message;
    return server ? std::move(*server) : nullptr;
  }
  std::unique_ptr<AdminServer> serve() { return serve({.socket = socket_}); }

  Result<AdminResponse> ask(const std::string& target, const std::string& body = {},
                            std::chrono::milliseconds timeout = kAdminBound) {
    return ask_admin({{socket_}}, {.method = "POST", .target = target, .body = body}, timeout);
  }

  std::future<Result<AdminResponse>> ask_slowly() {
    return std::async(std::launch::async, [this] { return ask("/slow"); });
  }

  UniqueFd connect() {
    auto socket = connect_to_socket(socket_, kAdminBound);
    EXPECT_TRUE(socket) << socket.error().message;
    return socket ? std::move(*socket) : UniqueFd();
  }

  static void send(const UniqueFd& socket, std::string_view bytes) {
    EXPECT_EQ(::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  /// All that comes until the other end closes.
  static std::string receive(const UniqueFd& socket) {
    std::string all;
    std::array<char, 4096> part{};
    for (;;) {
      pollfd fd{socket.get(), POLLIN, 0};
      if (::poll(&fd, 1, static_cast<int>(std::chrono::milliseconds(kAdminBound).count())) != 1) {
        ADD_FAILURE() << "nothing came, nor the end";
        return all;
      }
      const ssize_t size = ::recv(socket.get(), part.data(), part.size(), 0);
      if (size <= 0) return all;
      all.append(part.data(), static_cast<std::size_t>(size));
    }
  }

  Logger log() { return Logger(sink_, Component::kApp); }

  std::filesystem::path folder_;
  std::filesystem::path socket_;
  KeptLog sink_;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<AdminReply> slow_;  // guarded by mutex_
};

}  // namespace moult
