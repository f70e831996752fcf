#pragma once

#include "runtime/dispatch/events.h"

namespace moult::kafka {

/// How the lanes of one consumer's handlers are asked to go over to another generation.
/// Thread-safe.
class HandoverPort {
 public:
  virtual ~HandoverPort() = default;
  virtual void prepare(const Prepare& request) = 0;
  virtual void canary(const Canary& request) = 0;
  virtual void activate(const Activate& request) = 0;
  virtual void discard(const Discard& request) = 0;
};

}  // namespace moult::kafka
