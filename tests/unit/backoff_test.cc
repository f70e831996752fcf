#include "runtime/dispatch/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

namespace moult {
namespace {

using namespace std::chrono_literals;

struct Seen {
  Duration least = Duration::max();
  Duration most{0};
};

Seen draw_many(Backoff& backoff, std::uint32_t attempt) {
  Seen seen;
  for (int i = 0; i < 2000; ++i) {
    const Duration wait = backoff.next(attempt);
    seen.least = std::min(seen.least, wait);
    seen.most = std::max(seen.most, wait);
  }
  return seen;
}

TEST(BackoffTest, DoublesUpToItsCapWithJitterInTheUpperHalf) {
  Backoff backoff(1s, 30s, 7);
  std::uint32_t attempt = 0;
  for (const Duration full : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
    const Seen seen = draw_many(backoff, ++attempt);
    EXPECT_GE(seen.least, full / 2) << "attempt " << attempt;
    EXPECT_LE(seen.least, full * 55 / 100) << "attempt " << attempt << ": the half is all used";
    EXPECT_LE(seen.most, full) << "attempt " << attempt;
    EXPECT_GE(seen.most, full * 95 / 100) << "attempt " << attempt;
  }
}

TEST(BackoffTest, AnyNumberOfAttemptsIsCapped) {
  Backoff backoff(1ms, 24h, 7);
  const Duration wait = backoff.next(std::numeric_limits<std::uint32_t>::max());
  EXPECT_GE(wait, 12h);
  EXPECT_LE(wait, 24h);
}

TEST(BackoffTest, ACapBelowTheFirstWins) {
  Backoff backoff(10s, 1s, 7);
  EXPECT_LE(backoff.next(1), 1s);
}

TEST(BackoffTest, TheSmallestDurationsAreNotPassed) {
  Backoff backoff(1ns, 1ns, 7);
  EXPECT_EQ(backoff.next(1), 1ns);
}

TEST(BackoffTest, ASeedRepeatsAndAnotherDiffers) {
  Backoff one(1s, 30s, 2);
  Backoff same(1s, 30s, 2);
  Backoff other(1s, 30s, 4);
  std::set<Duration> waits;
  for (int i = 0; i < 10; ++i) {
    const Duration wait = one.next(3);
    EXPECT_EQ(wait, same.next(3));
    waits.insert(wait);
    waits.insert(other.next(3));
  }
  EXPECT_EQ(waits.size(), 20U);
}

}  // namespace
}  // namespace moult
