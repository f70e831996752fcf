#include "tests/sim/trace.h"

#include <fmt/format.h>

#include <cstdio>

namespace moult::sim {

void expect(bool holds, const char* rule) {
  if (!holds) throw Violation(rule);
}

void Trace::add(TimePoint now, const char* what, std::int64_t a, std::int64_t b, std::int64_t c) {
  entries_.push_back({now, what, a, b, c});
  mix(static_cast<std::uint64_t>(now.time_since_epoch().count()));
  for (const char* at = what; *at != '\0'; ++at) mix(static_cast<std::uint64_t>(*at));
  mix(static_cast<std::uint64_t>(a));
  mix(static_cast<std::uint64_t>(b));
  mix(static_cast<std::uint64_t>(c));
  if (stream_) fmt::print(stderr, "{}\n", line(entries_.size() - 1));
}

std::string Trace::line(std::size_t index) const {
  const Entry& entry = entries_[index];
  const auto since = entry.when.time_since_epoch() - std::chrono::hours(1);
  return fmt::format("{:>12.3f} ms  {}", std::chrono::duration<double, std::milli>(since).count(),
                     fmt::format(fmt::runtime(entry.what), entry.a, entry.b, entry.c));
}

void Trace::mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001B3; }

}  // namespace moult::sim
