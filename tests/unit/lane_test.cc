#include "runtime/dispatch/lane.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <utility>

namespace moult {
namespace {

using enum LaneState;

constexpr std::array kStates = {kBlocked, kCreating, kIdle,     kRunning, kLingering,
                                kBackoff, kStopped,  kSwapping, kEnding,  kEnded};

TEST(LaneTest, GoesOneWayRound) {
  const std::set<std::pair<LaneState, LaneState>> allowed = {
      {kBlocked, kCreating},   {kBlocked, kEnded},    {kCreating, kIdle},
      {kCreating, kBackoff},   {kCreating, kEnding},  {kIdle, kRunning},
      {kIdle, kEnding},        {kRunning, kIdle},     {kRunning, kLingering},
      {kRunning, kBackoff},    {kRunning, kEnding},   {kLingering, kRunning},
      {kLingering, kEnding},   {kBackoff, kRunning},  {kBackoff, kCreating},
      {kBackoff, kEnding},     {kEnding, kEnded},     {kBlocked, kIdle},
      {kRunning, kStopped},    {kStopped, kEnding},   {kIdle, kSwapping},
      {kLingering, kSwapping}, {kBackoff, kSwapping}, {kStopped, kSwapping},
      {kSwapping, kIdle},      {kSwapping, kBackoff}, {kSwapping, kEnding},
      {kSwapping, kStopped},
  };
  for (const LaneState from : kStates) {
    for (const LaneState to : kStates) {
      EXPECT_EQ(may_follow(from, to), allowed.contains({from, to}))
          << name_of(from) << " to " << name_of(to);
    }
  }
}

TEST(LaneTest, EveryStateHasItsName) {
  std::set<std::string_view> names;
  for (const LaneState state : kStates) names.insert(name_of(state));
  EXPECT_EQ(names.size(), kStates.size());
}

Lane lane_in(LaneState state) {
  Lane lane(LaneId{1}, LaneId{1}, {"orders", 0}, HandlerIndex{0}, 1, GenerationNumber{1});
  lane.state = state;
  return lane;
}

TEST(LaneTest, IsBusyWhileAWorkerOwesAnAnswer) {
  for (const LaneState state : {kCreating, kRunning, kSwapping, kEnding}) {
    EXPECT_TRUE(lane_in(state).busy()) << name_of(state);
  }
  for (const LaneState state : {kBlocked, kIdle, kLingering, kBackoff, kStopped, kEnded}) {
    EXPECT_FALSE(lane_in(state).busy()) << name_of(state);
  }
}

TEST(LaneTest, CommitsOnlyWhatIsPastTheKnown) {
  Lane lane = lane_in(kIdle);
  EXPECT_EQ(lane.past(lane.sent), std::nullopt) << "nothing was received";
  lane.tracker.received({5, 9});
  EXPECT_EQ(lane.past(lane.sent), 5);
  lane.sent = 5;
  EXPECT_EQ(lane.past(lane.sent), std::nullopt);
  lane.tracker.finished({5, 7});
  EXPECT_EQ(lane.past(lane.sent), 7);
  EXPECT_EQ(lane.past(lane.acknowledged), 7);
  lane.acknowledged = 8;
  EXPECT_EQ(lane.past(lane.acknowledged), std::nullopt);
}

TEST(LaneTest, OwesACommitOnlyOfFinishedRecords) {
  Lane lane = lane_in(kIdle);
  lane.tracker.advance_to(100);
  EXPECT_EQ(lane.past(lane.acknowledged), 100);
  EXPECT_FALSE(lane.owes_commit()) << "only the end of the partition moved";
  lane.finished_to = 103;
  EXPECT_TRUE(lane.owes_commit());
  lane.acknowledged = 102;
  EXPECT_TRUE(lane.owes_commit());
  lane.acknowledged = 103;
  EXPECT_FALSE(lane.owes_commit());
}

}  // namespace
}  // namespace moult
