#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "runtime/admin/admin_message.h"
#include "runtime/base/log.h"
#include "runtime/base/result.h"

namespace moult {

struct AdminServerOptions {
  std::filesystem::path socket;
  bool private_folder = false;  // see AdminSocketPlace
  /// Requests that are meant for the daemon of another configuration are refused.
  std::string config_key{};
  std::chrono::milliseconds idle_timeout{30'000};  // for a request to arrive, a response to leave
  std::size_t max_connections = 64;                // the next ones wait until one goes
  std::size_t max_body_bytes = 64UL * 1024;
};

/// HTTP + JSON over a unix socket, on a thread of its own (`moult-admin`). One request a
/// connection. Root, the daemon's own user and the members of the socket's group may ask; who asked
/// for something that changes anything is logged.
class AdminServer {
 public:
  /// Makes the folder, takes the place of a daemon that died, refuses to take that of a living one.
  /// Signals must be blocked before.
  static Result<std::unique_ptr<AdminServer>> open(AdminServerOptions options, AdminHandler handler,
                                                   Logger log);
  /// Answers what is pending with 503 and ends the thread, in a second at most. The handler is not
  /// called any more once it returns. Removes the socket.
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

 private:
  struct Impl;
  explicit AdminServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace moult
