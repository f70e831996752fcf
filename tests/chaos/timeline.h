#pragma once

#include <sys/types.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/base/time.h"

namespace moult::testing {

/// What a fault excuses.
enum class Excuse : std::uint8_t {
  kNothing,     // a member that comes or goes in an orderly way
  kOneProcess,  // that process may not have committed what it handled
  kEveryone,    // nor may any other: commits may not have reached the broker
};

/// One fault that was done. Times are those of the ledger: the monotonic clock.
struct Happening {
  std::string what;
  Excuse excuse = Excuse::kNothing;
  pid_t pid = 0;  // with kOneProcess
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
};

/// What was done to the cluster and its clients, and when. Any thread.
class Timeline {
 public:
  Timeline() : start_(Clock::now()) {}

  /// Starts now, ends with end(). Until then it counts as going on.
  std::size_t begin(std::string what, Excuse excuse, pid_t pid = 0);
  void end(std::size_t happening);

  std::vector<Happening> all() const;
  /// One line for each, with times since the start.
  std::string text() const;

 private:
  const TimePoint start_;
  mutable std::mutex mutex_;
  std::vector<Happening> all_;  // guarded by mutex_
};

std::int64_t to_ns(TimePoint when);

}  // namespace moult::testing
