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

/// One that is free and that the kernel gives to nobody who asks for any, so that it is still free
/// when its server comes much later. Not of tools/kafka's range either.
int lasting_free_port();

}  // namespace moult::testing
