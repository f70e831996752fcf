#pragma once

#include <optional>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

namespace moult {

/// Signals as readable events. Block them first, before any thread exists: every thread inherits
/// the mask, so that none of them is ever interrupted.
class SignalQueue {
 public:
  static void block();
  static Result<SignalQueue> open();

  int fd() const { return fd_.get(); }
  /// The next pending signal, without waiting.
  std::optional<int> take();

 private:
  explicit SignalQueue(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace moult
