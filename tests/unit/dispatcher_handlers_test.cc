// Handlers come while others are at work, and come again.

#include <gtest/gtest.h>

#include "tests/unit/dispatcher_script.h"

namespace moult::dispatch_test {
namespace {

constexpr HandlerIndex kAdded{1};

std::string activate_added(Script& script, std::uint32_t generation) {
  return script.on(Activate{kAdded, GenerationNumber{generation}, {}});
}

std::string assign_to_added(Script& script, std::int32_t partition) {
  return script.on(Assigned{{{{"orders", partition}, kAdded}}});
}

TEST(DispatcherHandlersTest, OneThatIsAddedBeginsWithTheGenerationThatIsActive) {
  Script script;
  script.with_idle_lanes(1);
  EXPECT_EQ(script.add(1, {}), "");
  activate_added(script, 5);
  EXPECT_EQ(script.tick(), "active 5: 0/0");
  EXPECT_EQ(assign_to_added(script, 7), "open 2 p7, create 2");
  EXPECT_EQ(script.dispatcher().lane(LaneId{2}).generation, GenerationNumber{5});
  EXPECT_EQ(script.dispatcher().lane(LaneId{1}).generation, GenerationNumber{1});
}

TEST(DispatcherHandlersTest, DiscardOfOneWithoutAGenerationSaysSo) {
  Script script;
  script.add(1, {});
  script.on(Prepare{kAdded, GenerationNumber{1}});
  script.on(Discard{kAdded});
  EXPECT_EQ(script.tick(), "active 0: 0/0");
}

TEST(DispatcherHandlersTest, ItHasLanesUntilTheLastIsClosed) {
  Script script;
  EXPECT_FALSE(script.dispatcher().has_lanes(HandlerIndex{0}));
  script.with_idle_lanes(1);
  EXPECT_TRUE(script.dispatcher().has_lanes(HandlerIndex{0}));
  EXPECT_FALSE(script.dispatcher().has_lanes(kAdded));
  script.ready(1);
  script.lose({0});
  EXPECT_TRUE(script.dispatcher().assignment().empty());
  EXPECT_TRUE(script.dispatcher().has_lanes(HandlerIndex{0})) << "its turn still runs";
  script.done(1, Turn().got(0, 5).done_to(5));
  script.ended(1);
  EXPECT_FALSE(script.dispatcher().has_lanes(HandlerIndex{0}));
}

// Also how its records are spread, which stays as it was for one that has lanes.
TEST(DispatcherHandlersTest, OneThatComesAgainIsAsNew) {
  Script script;
  script.add(1, {});
  activate_added(script, 1);
  script.on(Pause{kAdded, true});
  assign_to_added(script, 7);
  script.created(1);
  script.revoke({7});
  EXPECT_EQ(script.ended(1), "close 1, unassign p7");
  ASSERT_FALSE(script.dispatcher().has_lanes(kAdded));
  HandlerPolicy spread;
  spread.max_ahead = 100;
  script.add(1, spread);
  activate_added(script, 2);
  assign_to_added(script, 7);
  EXPECT_TRUE(script.dispatcher().lane(LaneId{2}).is_intake());
  EXPECT_FALSE(script.dispatcher().paused(kAdded));
}

}  // namespace
}  // namespace moult::dispatch_test
