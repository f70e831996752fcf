#include "runtime/config/units.h"

#include <gtest/gtest.h>

namespace moult::config {
namespace {

using namespace std::chrono_literals;

std::string duration_error(std::string_view text) {
  const auto parsed = parse_duration(text);
  return parsed ? "parsed" : parsed.error().message;
}

std::string size_error(std::string_view text) {
  const auto parsed = parse_size(text);
  return parsed ? "parsed" : parsed.error().message;
}

TEST(ConfigUnitsTest, ReadsDurations) {
  EXPECT_EQ(parse_duration("0ms").value(), 0ms);
  EXPECT_EQ(parse_duration("50ms").value(), 50ms);
  EXPECT_EQ(parse_duration("1s").value(), 1s);
  EXPECT_EQ(parse_duration("5m").value(), 5min);
  EXPECT_EQ(parse_duration("2h").value(), 2h);
}

TEST(ConfigUnitsTest, DurationsNeedAUnit) {
  EXPECT_EQ(duration_error("50"), "lacks a unit (ms, s, m, h)");
  EXPECT_EQ(duration_error("0"), "lacks a unit (ms, s, m, h)");
}

TEST(ConfigUnitsTest, RefusesWhatIsNoDuration) {
  for (const char* const text : {"", "s", "-1s", "+1s", " 1s", "ms50"}) {
    EXPECT_EQ(duration_error(text), "is not a whole number followed by a unit") << text;
  }
  for (const char* const text : {"1.5s", "1 s", "1s ", "1sec", "1S", "1m30s", "0x1s"}) {
    EXPECT_TRUE(duration_error(text).starts_with("has an unknown unit")) << text;
  }
  EXPECT_EQ(duration_error("1mss"), "has an unknown unit; did you mean 'ms'?");
}

TEST(ConfigUnitsTest, DurationsDoNotOverflow) {
  EXPECT_EQ(parse_duration("9223372036854775807ms").value().count(), INT64_MAX);
  EXPECT_EQ(duration_error("9223372036854775808ms"), "is too large");
  EXPECT_EQ(duration_error("5124095576030432h"), "is too large");
  EXPECT_EQ(duration_error("18446744073709551616ms"), "is too large");
}

TEST(ConfigUnitsTest, ReadsSizes) {
  EXPECT_EQ(parse_size("0B").value(), 0U);
  EXPECT_EQ(parse_size("17B").value(), 17U);
  EXPECT_EQ(parse_size("3kB").value(), 3'000U);
  EXPECT_EQ(parse_size("3KB").value(), 3'000U);
  EXPECT_EQ(parse_size("512KiB").value(), 524'288U);
  EXPECT_EQ(parse_size("1MB").value(), 1'000'000U);
  EXPECT_EQ(parse_size("1MiB").value(), 1'048'576U);
  EXPECT_EQ(parse_size("2GB").value(), 2'000'000'000U);
  EXPECT_EQ(parse_size("1GiB").value(), 1'073'741'824U);
}

TEST(ConfigUnitsTest, RefusesWhatIsNoSize) {
  EXPECT_EQ(size_error("1"), "lacks a unit (B, kB, KiB, MB, MiB, GB, GiB)");
  EXPECT_EQ(size_error("1mib"), "has an unknown unit; did you mean 'MiB'?");
  EXPECT_EQ(size_error("18446744073709551615KiB"), "is too large");
  EXPECT_EQ(parse_size("18446744073709551615B").value(), UINT64_MAX);
}

TEST(ConfigUnitsTest, FormatsInTheBiggestUnitThatDivides) {
  EXPECT_EQ(format_duration(0ms), "0ms");
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(120s), "2m");
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(1'048'576), "1MiB");
  EXPECT_EQ(format_size(1'000'000), "1MB");
}

}  // namespace
}  // namespace moult::config
