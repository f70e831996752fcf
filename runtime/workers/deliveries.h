#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/dispatch/types.h"

namespace moult {

/// The messages whose acknowledgement a turn waits for. The turn itself counts as one until it has
/// asked for all of them. Thread-safe: answers come on the producer's thread.
class Deliveries {
 public:
  struct Failure {
    Offset offset = 0;  // of the record that asked for it
    std::int32_t code = 0;
    std::string error;
    bool too_large = false;
    bool at_once = false;  // whoever asked was told
  };

  /// `all_answered` runs once for each begin() whose close() said no.
  explicit Deliveries(std::function<void()> all_answered)
      : all_answered_(std::move(all_answered)) {}

  void begin() {
    const std::lock_guard lock(mutex_);
    open_ = 1;
    failures_.clear();
  }

  /// False when nothing is begun: whoever asks comes too late.
  bool ask() {
    const std::lock_guard lock(mutex_);
    if (open_ == 0) return false;
    ++open_;
    return true;
  }

  void answer() {
    if (release()) all_answered_();
  }
  void answer(Failure failure) {
    {
      const std::lock_guard lock(mutex_);
      failures_.push_back(std::move(failure));
    }
    answer();
  }
  /// What was asked for is asked for otherwise.
  void withdraw() { release(); }

  /// Everything is asked for. True when all is answered already; else whoever calls must touch
  /// nothing of the turn any more, for `all_answered` may be running.
  bool close() { return release(); }

  std::vector<Failure> take_failures() {
    const std::lock_guard lock(mutex_);
    return std::exchange(failures_, {});
  }

 private:
  bool release() {
    const std::lock_guard lock(mutex_);
    return --open_ == 0;
  }

  const std::function<void()> all_answered_;  // constant after construction

  std::mutex mutex_;
  // Guarded by mutex_.
  std::size_t open_ = 0;
  std::vector<Failure> failures_;
};

}  // namespace moult
