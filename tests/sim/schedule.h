#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "runtime/base/time.h"

namespace moult::sim {

/// The simulated clock: it jumps from one thing to happen to the next. Things of the same time
/// happen in the order in which they were asked for.
class Schedule {
 public:
  using Action = std::function<void()>;

  TimePoint now() const { return now_; }

  void at(TimePoint when, Action action) {
    actions_.emplace(std::pair(when < now_ ? now_ : when, ++asked_), std::move(action));
  }
  void after(Duration wait, Action action) { at(now_ + wait, std::move(action)); }

  /// False when there is nothing left to happen.
  bool run_next() {
    if (actions_.empty()) return false;
    const auto next = actions_.begin();
    now_ = next->first.first;
    const Action action = std::move(next->second);
    actions_.erase(next);
    action();
    return true;
  }

 private:
  TimePoint now_ = TimePoint{} + std::chrono::hours(1);
  std::uint64_t asked_ = 0;
  std::map<std::pair<TimePoint, std::uint64_t>, Action> actions_;
};

}  // namespace moult::sim
