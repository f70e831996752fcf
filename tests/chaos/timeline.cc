#include "tests/chaos/timeline.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

namespace moult::testing {
namespace {

constexpr std::int64_t kGoesOn = std::numeric_limits<std::int64_t>::max();

}  // namespace

std::int64_t to_ns(TimePoint when) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count();
}

std::size_t Timeline::begin(std::string what, Excuse excuse, pid_t pid) {
  const std::lock_guard lock(mutex_);
  all_.push_back({std::move(what), excuse, pid, to_ns(Clock::now()), kGoesOn});
  return all_.size() - 1;
}

void Timeline::end(std::size_t happening) {
  const std::lock_guard lock(mutex_);
  all_.at(happening).end_ns = to_ns(Clock::now());
}

std::vector<Happening> Timeline::all() const {
  const std::lock_guard lock(mutex_);
  return all_;
}

std::string Timeline::text() const {
  std::string lines;
  for (const Happening& each : all()) {
    const auto since_start = [&](std::int64_t ns) {
      return static_cast<double>(ns - to_ns(start_)) / 1e9;
    };
    lines += fmt::format("  {:7.3f} s ", since_start(each.begin_ns));
    lines += each.end_ns == kGoesOn ? "to the end"
                                    : fmt::format("to {:7.3f} s", since_start(each.end_ns));
    lines += fmt::format("  {}\n", each.what);
  }
  return lines;
}

}  // namespace moult::testing
