#include "runtime/admin/admin_client.h"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "runtime/admin/http.h"
#include "runtime/admin/socket_file.h"

namespace moult {
namespace {

std::string said_of(const AdminSocket& socket, std::string_view what) {
  return fmt::format("\n  {}: {}", socket.path.string(), what);
}

std::string_view cure_of(bool denied) {
  return denied ? "ask as root, as the daemon's user, or as a member of the socket's group"
                : "start it with 'moult run', or say where it listens with --socket";
}

}  // namespace

Result<AdminResponse> ask_admin(const std::vector<AdminSocket>& sockets,
                                const AdminRequest& request, std::chrono::milliseconds timeout) {
  std::string tried;
  bool denied = false;
  for (const AdminSocket& socket : sockets) {
    auto connected = connect_to_socket(socket.path, timeout);
    if (!connected) {
      const ConnectFailure& why = connected.error();
      denied = denied || why.code == EACCES || why.code == EPERM;
      tried += said_of(socket, why.code == EAGAIN ? "no connection in time" : why.message);
      continue;
    }
    auto response = exchange_http(std::move(*connected), request, socket.config_key, timeout);
    if (!response) {
      return failure(fmt::format("{}: {}", socket.path.string(), response.error().message));
    }
    if (response->status != kOtherDaemon) return response;
    tried += said_of(socket, "that daemon runs another configuration");
  }
  return failure(fmt::format("{}; {}. Tried:{}", denied ? "permission denied" : "no daemon answers",
                             cure_of(denied), tried));
}

}  // namespace moult
