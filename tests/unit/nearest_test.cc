#include "runtime/base/nearest.h"

#include <gtest/gtest.h>

#include <array>

namespace moult {
namespace {

constexpr std::array<std::string_view, 4> kWords = {"batch", "backoff", "topics", "name"};

TEST(Nearest, CountsEdits) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("batch", "bach"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Nearest, ASwapIsOneEdit) { EXPECT_EQ(edit_distance("topcis", "topics"), 1U); }

TEST(Nearest, FindsTheNearestWord) {
  EXPECT_EQ(nearest("bach", kWords), "batch");
  EXPECT_EQ(nearest("BATCH", kWords), "batch");
  EXPECT_EQ(nearest("back-off", kWords), "backoff");
  EXPECT_EQ(nearest("nmae", kWords), "name");
}

TEST(Nearest, FindsNothingFarAway) {
  EXPECT_EQ(nearest("", kWords), std::nullopt);
  EXPECT_EQ(nearest("deadline", kWords), std::nullopt);
  EXPECT_EQ(nearest(std::string(1'000'000, 'b'), kWords), std::nullopt);
}

TEST(Nearest, AsksOnlyWithSomethingToAskFor) {
  EXPECT_EQ(did_you_mean("topic", kWords), "; did you mean 'topics'?");
  EXPECT_EQ(did_you_mean("xyz", kWords), "");
}

TEST(Nearest, SuggestsTheNearestOrAll) {
  EXPECT_EQ(suggestion("topic", kWords), "; did you mean 'topics'?");
  EXPECT_EQ(suggestion("xyz", kWords), "; valid: batch, backoff, topics, name");
}

}  // namespace
}  // namespace moult
