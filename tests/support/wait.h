#pragma once

#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "runtime/base/time.h"

namespace moult::testing {

/// Asks `condition` again and again until it holds or `bound` has passed; returns whether it held.
/// For conditions of other processes, which can't wake us.
template <typename Condition>
bool eventually(Condition&& condition, Duration bound,
                Duration interval = std::chrono::milliseconds(10)) {
  const TimePoint deadline = Clock::now() + bound;
  for (;;) {
    if (condition()) return true;
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(interval);
  }
}

/// Whether `condition` held all the time; ends early when it doesn't. To show that something does
/// not happen, as far as a bounded time can.
template <typename Condition>
bool always(Condition&& condition, Duration period) {
  return !eventually([&] { return !condition(); }, period);
}

}  // namespace moult::testing
