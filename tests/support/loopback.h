#pragma once

#include <sys/types.h>

#include "runtime/base/unique_fd.h"

namespace moult::testing {

/// A TCP socket on a port of 127.0.0.1 that was free; nobody listens there yet.
struct LoopbackPort {
  UniqueFd fd;
  int port = 0;
};

/// Throws when there is none.
LoopbackPort bind_loopback();

}  // namespace moult::testing
