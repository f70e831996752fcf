#include "runtime/config/nearest.h"

#include <gtest/gtest.h>

#include <array>

namespace moult::config {
namespace {

constexpr std::array<std::string_view, 4> kWords = {"batch", "backoff", "topics", "name"};

TEST(ConfigNearestTest, CountsEdits) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("batch", "bach"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(ConfigNearestTest, ASwapIsOneEdit) { EXPECT_EQ(edit_distance("topcis", "topics"), 1U); }

TEST(ConfigNearestTest, FindsTheNearestWord) {
  EXPECT_EQ(nearest("bach", kWords), "batch");
  EXPECT_EQ(nearest("BATCH", kWords), "batch");
  EXPECT_EQ(nearest("back-off", kWords), "backoff");
  EXPECT_EQ(nearest("nmae", kWords), "name");
}

TEST(ConfigNearestTest, FindsNothingFarAway) {
  EXPECT_EQ(nearest("", kWords), std::nullopt);
  EXPECT_EQ(nearest("deadline", kWords), std::nullopt);
  EXPECT_EQ(nearest(std::string(1'000'000, 'b'), kWords), std::nullopt);
}

TEST(ConfigNearestTest, SuggestsTheNearestOrAll) {
  EXPECT_EQ(suggestion("topic", kWords), "; did you mean 'topics'?");
  EXPECT_EQ(suggestion("xyz", kWords), "; valid: batch, backoff, topics, name");
}

}  // namespace
}  // namespace moult::config
