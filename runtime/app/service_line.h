#pragma once

#include <string>

#include "runtime/admin/status.h"

namespace moult {

/// How a daemon is, in one line for people: what `systemctl status` shows.
std::string service_line(const DaemonStatus& status);

}  // namespace moult
