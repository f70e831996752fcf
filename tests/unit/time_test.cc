#include "runtime/base/time.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

namespace moult {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

TEST(PollMs, WaitsUntilItIsOver) {
  EXPECT_EQ(poll_ms(Duration{1}), 1);
  EXPECT_EQ(poll_ms(microseconds(1'000)), 1);
  EXPECT_EQ(poll_ms(microseconds(1'001)), 2);
  EXPECT_EQ(poll_ms(seconds(3)), 3'000);
}

TEST(PollMs, LooksWhenItIsOver) {
  EXPECT_EQ(poll_ms(Duration{0}), 0);
  EXPECT_EQ(poll_ms(Duration{-1}), 0);
  EXPECT_EQ(poll_ms(-seconds(3)), 0);
}

TEST(PollMs, NeverIsAsLongAsItCanBe) {
  EXPECT_EQ(poll_ms(kNever - TimePoint{}), std::numeric_limits<int>::max());
}

}  // namespace
}  // namespace moult
