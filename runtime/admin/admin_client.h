#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/admin/admin_message.h"
#include "runtime/base/result.h"

namespace moult {

/// Where a daemon may listen.
struct AdminSocket {
  std::filesystem::path path;
  std::string config_key{};  // empty: whichever daemon answers is meant
};

/// Asks the first daemon that listens at one of the sockets. An error says which were tried and
/// what to do.
Result<AdminResponse> ask_admin(const std::vector<AdminSocket>& sockets,
                                const AdminRequest& request, std::chrono::milliseconds timeout);

}  // namespace moult
