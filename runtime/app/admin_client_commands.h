#pragma once

#include <string>
#include <vector>

#include "runtime/admin/admin_client.h"
#include "runtime/app/commands.h"

namespace moult {

/// Where the daemon that a command means may listen, and what a person should know when it does
/// not answer there (empty: nothing).
struct DaemonPlaces {
  std::vector<AdminSocket> sockets;
  std::string remark;
};

DaemonPlaces places_of(const DaemonChoice& daemon);

}  // namespace moult
