#include "runtime/route/number.h"

#include <gtest/gtest.h>

#include <string>

namespace moult::route {
namespace {

TEST(RouteNumber, FollowsTheGrammarOfJson) {
  for (const char* const good :
       {"0", "-0", "1", "10", "-12", "0.5", "1.50", "1e9", "1E+9", "2e-007",
        "123456789012345678901234567890", "1e999999999999999999999"}) {
    EXPECT_TRUE(is_number(good)) << good;
  }
  for (const char* const bad : {"", "-", "+1", "01", "-01", ".5", "1.", "1.e1", "1e", "1e+", "0x1",
                                "1 ", " 1", "1a", "NaN", "Infinity", "1e1.5", "--1", "1_000"}) {
    EXPECT_FALSE(is_number(bad)) << bad;
  }
}

TEST(RouteNumber, TheSameValueIsTheSameHoweverWritten) {
  for (const char* const one : {"1", "1.0", "1.000", "10e-1", "0.1e1", "0.01E+2", "1e0", "1e-0"}) {
    EXPECT_TRUE(same_number("1", one)) << one;
    EXPECT_TRUE(same_number(one, "1.00")) << one;
  }
  EXPECT_TRUE(same_number("100", "1e2"));
  EXPECT_TRUE(same_number("1200", "12e2"));
  EXPECT_TRUE(same_number("0.00120", "12e-4"));
  EXPECT_TRUE(same_number("10.01", "1001e-2"));
  EXPECT_TRUE(same_number("-5", "-5.0"));
}

TEST(RouteNumber, DifferentValuesDiffer) {
  EXPECT_FALSE(same_number("1", "-1"));
  EXPECT_FALSE(same_number("1", "10"));
  EXPECT_FALSE(same_number("1", "0.1"));
  EXPECT_FALSE(same_number("12", "13"));
  EXPECT_FALSE(same_number("101", "11"));
  EXPECT_FALSE(same_number("1", "0"));
  EXPECT_FALSE(same_number("1.01", "1.1"));
}

TEST(RouteNumber, EveryZeroIsTheSame) {
  for (const char* const zero : {"0", "-0", "0.0", "-0.00", "0e5", "0e-999999999999999999999"}) {
    EXPECT_TRUE(same_number("0", zero)) << zero;
    EXPECT_TRUE(same_number(zero, "0.000")) << zero;
  }
}

TEST(RouteNumber, ComparesExactlyWhereDoublesCannot) {
  EXPECT_FALSE(same_number("9007199254740993", "9007199254740992"));
  EXPECT_FALSE(same_number("18446744073709551616", "18446744073709551617"));
  EXPECT_TRUE(same_number("18446744073709551616", "18446744073709551616.0"));
  EXPECT_FALSE(same_number("1e400", "1e401"));
  EXPECT_TRUE(same_number("1e400", "10e399"));
}

TEST(RouteNumber, HugeExponentsOverflowNothing) {
  EXPECT_FALSE(same_number("1e99999999999999999999", "1e-99999999999999999999"));
  EXPECT_FALSE(same_number("1e9223372036854775807", "1e-9223372036854775808"));
  EXPECT_TRUE(same_number("1e99999999999999999999", "1e+99999999999999999999"));
}

}  // namespace
}  // namespace moult::route
