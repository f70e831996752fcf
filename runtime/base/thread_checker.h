#pragma once

#include <thread>

#include "runtime/base/check.h"

namespace moult {

/// Asserts that state owned by one thread is touched by that thread alone. Binds to the first
/// thread that checks.
class ThreadChecker {
 public:
  void check() {
    if (owner_ == std::thread::id{}) owner_ = std::this_thread::get_id();
    MOULT_CHECK(owner_ == std::this_thread::get_id(),
                "called from a thread that owns nothing here");
  }

 private:
  std::thread::id owner_;
};

}  // namespace moult
