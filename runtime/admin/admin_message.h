#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace moult {

/// Who is at the other end of a socket, by the kernel's word.
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

struct AdminRequest {
  std::string method{};  // GET, POST
  std::string target{};  // /status
  std::string body{};    // JSON, or empty
  PeerCredentials peer{};
};

struct AdminResponse {
  int status = 200;
  std::string body;  // JSON
};

/// Answers one request: from any thread, minutes later if need be, and also when the server is gone
/// (then it does nothing). Only the first call counts. A reply that is thrown away without a call
/// answers 500 by itself.
using AdminReply = std::function<void(AdminResponse)>;

/// Called on the admin thread, which serves all connections: must not block, must not throw.
using AdminHandler = std::function<void(const AdminRequest&, AdminReply)>;

}  // namespace moult
