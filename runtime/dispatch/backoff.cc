#include "runtime/dispatch/backoff.h"

namespace moult {

Duration Backoff::next(std::uint32_t attempt) {
  Duration full = first_;
  for (std::uint32_t i = 1; i < attempt && full < most_; ++i) full *= 2;
  if (full > most_) full = most_;
  const auto half = static_cast<std::uint64_t>(full.count() / 2);
  return full - Duration(static_cast<Duration::rep>(half == 0 ? 0 : draw() % (half + 1)));
}

std::uint64_t Backoff::draw() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return random_;
}

}  // namespace moult
