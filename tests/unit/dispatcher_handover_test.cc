// How a handler's lanes go over to another generation: prepared, activated, discarded.

#include <gtest/gtest.h>

#include "tests/unit/dispatcher_script.h"

namespace moult::dispatch_test {
namespace {

constexpr GenerationNumber kFirst{1};
constexpr GenerationNumber kSecond{2};

/// Lane 1 on partition 0, idle, with a standby of generation 2.
class DispatcherHandoverTest : public ::testing::Test {
 protected:
  DispatcherHandoverTest() {
    script_.with_idle_lanes(1);
    script_.with_prepared(2);
  }

  const Lane& lane(std::uint64_t id) const { return script_.dispatcher().lane(LaneId{id}); }

  Script script_;
};

// ---- Prepare ------------------------------------------------------------------------------------

TEST(DispatcherPrepareTest, MakesAStandbyOfEveryLaneAndSaysHowFar) {
  Script script;
  script.with_idle_lanes(2);
  EXPECT_EQ(script.prepare(2), "standby 1 of 2, standby 2 of 2");
  EXPECT_EQ(script.tick(), "prepared 2: 0/2");
  EXPECT_EQ(script.standby_created(1), "");
  EXPECT_EQ(script.tick(), "prepared 2: 1/2");
  EXPECT_EQ(script.tick(), "") << "each thing once";
  EXPECT_EQ(script.standby_created(2), "");
  EXPECT_EQ(script.tick(), "prepared 2: 2/2");
  EXPECT_EQ(script.tick(), "");
}

TEST(DispatcherPrepareTest, WithoutLanesIsCompleteAtOnce) {
  Script script;
  EXPECT_EQ(script.prepare(2), "");
  EXPECT_EQ(script.tick(), "prepared 2: 0/0");
  EXPECT_EQ(script.activate(2), "");
  EXPECT_EQ(script.tick(), "active 2: 0/0");
  EXPECT_EQ(script.tick(), "");
}

TEST(DispatcherPrepareTest, LeavesTheLaneToItsOwnGeneration) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  EXPECT_EQ(script.prepare(2), "standby 1 of 2") << "beside the turn";
  EXPECT_EQ(script.done(1, Turn().got(0, 5).done_to(5).more()), "run 1 #1");
  EXPECT_EQ(script.standby_created(1), "");
  EXPECT_EQ(script.done(1, Turn().got(5, 6).done_to(6).more()), "run 1 #1");
}

TEST(DispatcherPrepareTest, SaysWhoLags) {
  Script script;
  script.with_idle_lanes(2);
  script.prepare(2);
  script.standby_created(1);
  script.tick();
  EXPECT_EQ(script.progress().lagging, (std::vector<TopicPartition>{{"orders", 1}}));
}

TEST(DispatcherPrepareTest, IsRefusedByALaneWhoseStandbyIsNotMade) {
  Script script;
  script.with_idle_lanes(2);
  script.prepare(2);
  EXPECT_EQ(script.standby_failed(1), "");
  EXPECT_EQ(script.tick(), "prepared 2: 0/2 (no)");
  EXPECT_EQ(script.standby_created(2), "");
  EXPECT_EQ(script.tick(), "prepared 2: 1/2 (no)");
  EXPECT_EQ(script.discard(), "drop 2");
  EXPECT_EQ(script.tick(), "active 1: 2/2");
}

TEST(DispatcherPrepareTest, ALaneThatEndsRefusesNothing) {
  Script script;
  script.with_idle_lanes(1);
  script.prepare(2);
  EXPECT_EQ(script.revoke({0}), "end 1 revoked");
  EXPECT_EQ(script.standby_failed(1), "") << "its end took the standby along";
  EXPECT_EQ(script.tick(), "prepared 2: 0/0");
}

TEST(DispatcherPrepareTest, AStandbyMayComeAfterItsLaneWasClosed) {
  Script script;
  script.with_idle_lanes(1);
  script.prepare(2);
  script.revoke({0});
  EXPECT_EQ(script.ended(1), "close 1, unassign p0");
  EXPECT_EQ(script.standby_created(1), "");
}

TEST(DispatcherPrepareTest, ALaneAssignedAfterItBeginsOnTheOldAndGetsAStandby) {
  Script script;
  script.prepare(2);
  script.tick();
  EXPECT_EQ(script.assign({0}), "open 1 p0, create 1");
  EXPECT_EQ(script.dispatcher().lane(LaneId{1}).generation, kFirst);
  EXPECT_EQ(script.tick(), "prepared 2: 0/1");
  EXPECT_EQ(script.created(1), "standby 1 of 2");
  EXPECT_EQ(script.standby_created(1), "");
  EXPECT_EQ(script.tick(), "prepared 2: 1/1");
}

TEST(DispatcherPrepareTest, ALaneWithoutAnInstanceGoesOverAllTheSame) {
  Script script;
  script.assign({0});
  script.create_failed(1);
  EXPECT_EQ(script.prepare(2), "standby 1 of 2");
  script.standby_created(1);
  EXPECT_EQ(script.activate(2), "swap 1");
  script.ready(1);
  EXPECT_EQ(script.swapped(1), "run 1 #1");
}

TEST(DispatcherPrepareTest, DiscardedBeforeTheStandbyIsMadeItIsDroppedThen) {
  Script script;
  script.with_idle_lanes(1);
  script.prepare(2);
  EXPECT_EQ(script.discard(), "");
  EXPECT_EQ(script.tick(), "active 1: 1/1");
  EXPECT_EQ(script.standby_created(1), "drop 1");
  EXPECT_EQ(script.tick(), "");
}

TEST(DispatcherPrepareTest, AnEarlierOnesStandbyGivesWayAndRefusesNothing) {
  Script script;
  script.with_idle_lanes(2);
  script.prepare(2);
  script.discard();
  EXPECT_EQ(script.prepare(3), "") << "one at a time";
  EXPECT_EQ(script.standby_failed(1), "standby 1 of 3");
  EXPECT_EQ(script.standby_created(2), "drop 2, standby 2 of 3");
  EXPECT_EQ(script.tick(), "prepared 3: 0/2");
}

// ---- Canary -------------------------------------------------------------------------------------

class DispatcherCanaryTest : public ::testing::Test {
 protected:
  DispatcherCanaryTest() {
    script_.with_idle_lanes(3);
    script_.with_prepared(2);
  }

  const Lane& lane(std::uint64_t id) const { return script_.dispatcher().lane(LaneId{id}); }

  Script script_;
};

TEST_F(DispatcherCanaryTest, TheFirstLaneWithABatchTriesWhatIsPrepared) {
  EXPECT_EQ(script_.canary(1), "");
  EXPECT_EQ(script_.tick(), "canary 2: 0/0") << "no lane has anything to do";
  EXPECT_EQ(script_.ready(2), "swap 2");
  EXPECT_EQ(script_.tick(), "canary 2: 0/1");
  EXPECT_EQ(script_.swapped(2), "run 2 #1");
  EXPECT_EQ(lane(2).generation, kSecond);
  EXPECT_EQ(script_.tick(), "canary 2: 1/1");
  EXPECT_EQ(script_.ready(1), "run 1 #1") << "one is enough";
  EXPECT_EQ(lane(1).generation, kFirst);
}

TEST_F(DispatcherCanaryTest, AShareIsRoundedUp) {
  script_.canary(0, 34);
  EXPECT_EQ(script_.ready(1), "swap 1");
  EXPECT_EQ(script_.ready(2), "swap 2");
  EXPECT_EQ(script_.ready(3), "run 3 #1");
}

TEST_F(DispatcherCanaryTest, ActivatedTheOthersFollow) {
  script_.canary(1);
  script_.ready(2);
  script_.swapped(2);
  EXPECT_EQ(script_.activate(2), "swap 1, swap 3");
}

TEST_F(DispatcherCanaryTest, DiscardedItsFailedRecordsGoBackToTheOldGeneration) {
  script_.canary(1);
  script_.ready(2);
  script_.swapped(2);
  script_.done(2, Turn().got(0, 5).done_to(3).fails_at(3));
  EXPECT_EQ(script_.discard(), "drop 1, standby 2 of 1, drop 3");
  EXPECT_EQ(script_.standby_created(2), "swap 2") << "it does not wait for its backoff";
  EXPECT_EQ(script_.swapped(2), "run 2 #1");
  EXPECT_EQ(lane(2).generation, kFirst);
  EXPECT_EQ(script_.tick(), "commit 1: 2@3, active 1: 3/3");
}

TEST_F(DispatcherCanaryTest, ALaneThatGoesMakesRoomForAnother) {
  script_.canary(1);
  script_.ready(2);
  script_.swapped(2);
  script_.revoke({1});
  EXPECT_EQ(script_.ready(1), "swap 1");
}

TEST_F(DispatcherCanaryTest, AFailingLaneIsNoCanary) {
  script_.ready(1);
  script_.done(1, Turn().got(0, 5).fails_at(0));
  script_.canary(1);
  EXPECT_EQ(script_.pass(2s), "run 1 #2, commit 1: 1@0, canary 2: 0/0")
      << "what the old generation could not do is no measure";
}

TEST_F(DispatcherCanaryTest, ARefusedExchangeIsTold) {
  script_.canary(1);
  script_.ready(2);
  script_.tick();
  EXPECT_EQ(script_.swap_refused(2), "run 2 #1");
  EXPECT_EQ(script_.tick(), "canary 2: 0/1 (no)");
}

TEST_F(DispatcherCanaryTest, WithoutAnythingPreparedThereIsNone) {
  script_.discard();
  script_.tick();
  EXPECT_EQ(script_.canary(1), "");
  EXPECT_EQ(script_.ready(1), "run 1 #1");
}

// ---- Activate -----------------------------------------------------------------------------------

TEST_F(DispatcherHandoverTest, AnIdleLaneGoesOverAtOnce) {
  EXPECT_EQ(script_.activate(2), "swap 1");
  EXPECT_EQ(script_.tick(), "active 2: 0/1");
  EXPECT_EQ(script_.ready(1), "") << "no turn meanwhile";
  EXPECT_EQ(lane(1).generation, kFirst);
  EXPECT_EQ(script_.swapped(1), "run 1 #1") << "nobody knows of its queue";
  EXPECT_EQ(lane(1).generation, kSecond);
  EXPECT_EQ(script_.tick(), "active 2: 1/1");
  EXPECT_EQ(script_.tick(), "");
}

TEST_F(DispatcherHandoverTest, ARunningBatchEndsFirstAndNoOtherFollows) {
  script_.ready(1);
  EXPECT_EQ(script_.activate(2), "hold back 1");
  EXPECT_EQ(script_.done(1, Turn().got(0, 5).done_to(5).more()), "swap 1");
  EXPECT_EQ(script_.swapped(1), "run 1 #1");
}

TEST_F(DispatcherHandoverTest, ATurnThatWaitsForAWorkerBeginsNoBatchOfTheOld) {
  script_.ready(1);
  EXPECT_EQ(script_.activate(2), "hold back 1");
  EXPECT_EQ(script_.done(1, Turn().more()), "swap 1");
  EXPECT_EQ(script_.swap_refused(1), "run 1 #1") << "a turn of its own: it is held back no more";
}

TEST_F(DispatcherHandoverTest, WhatIsOnlyPreparedHoldsNothingBack) {
  script_.discard();
  script_.ready(1);
  EXPECT_EQ(script_.prepare(3), "standby 1 of 3");
  EXPECT_EQ(script_.standby_created(1), "");
  EXPECT_EQ(script_.activate(3), "hold back 1");
}

TEST_F(DispatcherHandoverTest, ALaneHeldBackForWhatIsNotWantedAnyMoreGoesOn) {
  script_.ready(1);
  script_.activate(2);
  EXPECT_EQ(script_.activate(1), "drop 1");
  EXPECT_EQ(script_.done(1, Turn().more()), "run 1 #1");
}

TEST_F(DispatcherHandoverTest, ALingeringLaneGoesOverWithItsRecords) {
  script_.ready(1);
  script_.done(1, Turn().got(0, 2).lingers(script_.now() + 50ms));
  script_.tick();
  EXPECT_EQ(script_.activate(2), "swap 1");
  EXPECT_EQ(script_.pass(50ms), "active 2: 0/1") << "its time does not come meanwhile";
  EXPECT_EQ(script_.swapped(1), "run 1 #1");
}

TEST_F(DispatcherHandoverTest, AFailingLaneBeginsAnew) {
  script_.ready(1);
  script_.done(1, Turn().got(0, 5).fails_at(0));
  EXPECT_EQ(lane(1).failures, 1U);
  EXPECT_EQ(script_.activate(2), "swap 1") << "it does not wait for its backoff";
  EXPECT_EQ(script_.swapped(1), "run 1 #1");
  script_.done(1, Turn().done_to(5));
  EXPECT_EQ(script_.tick(), "commit 1: 1@5, active 2: 1/1");
  script_.committed(1);
  EXPECT_EQ(script_.wait(), kNothingDue) << "the backoff is over";
}

TEST_F(DispatcherHandoverTest, AStoppedLaneGoesOn) {
  script_.ready(1);
  script_.done(1, Turn().got(0, 5).stops_at(0));
  EXPECT_EQ(script_.dispatcher().trouble().stopped, 1U);
  EXPECT_EQ(script_.activate(2), "swap 1");
  EXPECT_EQ(script_.dispatcher().trouble().stopped, 0U);
  EXPECT_EQ(script_.swapped(1), "run 1 #1");
}

TEST_F(DispatcherHandoverTest, WhileQuietItGoesOverAndRunsNothing) {
  script_.quiet();
  EXPECT_EQ(script_.activate(2), "swap 1");
  EXPECT_EQ(script_.swapped(1), "");
  EXPECT_EQ(script_.tick(), "active 2: 1/1");
}

TEST_F(DispatcherHandoverTest, ARefusedLaneGoesOnAsItWas) {
  script_.ready(1);
  script_.done(1, Turn().got(0, 5).fails_at(0));
  script_.activate(2);
  EXPECT_EQ(script_.swap_refused(1), "") << "it waits as long as it would have";
  EXPECT_EQ(lane(1).generation, kFirst);
  EXPECT_EQ(script_.pass(0ms), "commit 1: 1@0, active 2: 0/1 (no)");
  EXPECT_EQ(script_.pass(1s), "run 1 #2");
  EXPECT_EQ(script_.done(1, Turn().done_to(5).more()), "run 1 #1") << "it does not try again";
  EXPECT_EQ(script_.activate(1), "") << "the way back";
  EXPECT_EQ(script_.tick(), "active 1: 1/1");
}

TEST_F(DispatcherHandoverTest, ARefusedLaneThatHadStoppedStaysStopped) {
  script_.ready(1);
  script_.done(1, Turn().got(0, 5).stops_at(0));
  script_.activate(2);
  EXPECT_EQ(script_.swap_refused(1), "");
  EXPECT_EQ(lane(1).state, LaneState::kStopped);
  EXPECT_EQ(script_.dispatcher().trouble(), (Trouble{.stopped = 1}));
}

TEST_F(DispatcherHandoverTest, TriesARefusedLaneAgainWhenAskedAgain) {
  script_.activate(2);
  script_.swap_refused(1);
  script_.done(1, Turn());
  EXPECT_EQ(script_.activate(2), "standby 1 of 2");
  EXPECT_EQ(script_.standby_created(1), "swap 1");
}

TEST_F(DispatcherHandoverTest, WithoutAStandbyItIsMadeThen) {
  script_.activate(2);
  script_.swapped(1);
  script_.done(1, Turn());
  EXPECT_EQ(script_.activate(1), "standby 1 of 1");
  EXPECT_EQ(script_.ready(1), "run 1 #1");
  EXPECT_EQ(script_.standby_created(1), "hold back 1");
  EXPECT_EQ(script_.done(1, Turn()), "swap 1");
}

TEST_F(DispatcherHandoverTest, CountsWhatItCost) {
  script_.activate(2);
  script_.pass(30ms);
  script_.swapped(1);
  script_.tick();
  EXPECT_EQ(script_.progress().worst_pause, 30ms);
  EXPECT_EQ(script_.progress().total_pause, 30ms);
  EXPECT_TRUE(script_.progress().complete());
}

TEST_F(DispatcherHandoverTest, ALaneAssignedAfterItBeginsOnTheNew) {
  script_.activate(2);
  EXPECT_EQ(script_.assign({1}), "open 2 p1, create 2");
  EXPECT_EQ(lane(2).generation, kSecond);
  EXPECT_EQ(script_.created(2), "");
}

TEST_F(DispatcherHandoverTest, ALaneAssignedBeforeItFollows) {
  script_.assign({1});
  EXPECT_EQ(script_.activate(2), "swap 1, standby 2 of 2");
  EXPECT_EQ(script_.standby_created(2), "") << "its instance is being made";
  EXPECT_EQ(script_.created(2), "swap 2");
  script_.swapped(1);
  script_.swapped(2);
  EXPECT_EQ(script_.tick(), "active 2: 2/2");
}

TEST_F(DispatcherHandoverTest, TakesTheNewPolicyButForTheSpread) {
  HandlerPolicy policy = Script::standard().handlers[0];
  policy.deadline = 2s;
  policy.max_ahead = 10;
  script_.activate(2, policy);
  script_.swapped(1);
  script_.tick();
  EXPECT_EQ(script_.wait(), 2s);
  EXPECT_EQ(script_.assign({1}), "open 2 p1, create 2") << "no intake";
}

// ---- A change of mind during the exchange -------------------------------------------------------

TEST_F(DispatcherHandoverTest, TheWayBackWaitsForTheExchange) {
  script_.activate(2);
  EXPECT_EQ(script_.activate(1), "") << "the standby is in use";
  EXPECT_EQ(script_.tick(), "active 1: 0/1") << "it may arrive at generation 2 yet";
  EXPECT_EQ(script_.swapped(1), "standby 1 of 1, run 1 #1");
  EXPECT_EQ(script_.done(1, Turn()), "");
  EXPECT_EQ(script_.standby_created(1), "swap 1");
  EXPECT_EQ(script_.swapped(1), "run 1 #1");
  EXPECT_EQ(script_.tick(), "active 1: 1/1");
}

TEST_F(DispatcherHandoverTest, AnExchangeRefusedAfterTheWayBackIsWelcome) {
  script_.activate(2);
  script_.activate(1);
  EXPECT_EQ(script_.swap_refused(1), "run 1 #1");
  EXPECT_EQ(script_.tick(), "active 1: 1/1");
}

TEST_F(DispatcherHandoverTest, WhatIsPreparedNextWaitsForTheExchange) {
  script_.activate(2);
  EXPECT_EQ(script_.prepare(3), "");
  EXPECT_EQ(script_.tick(), "prepared 3: 0/1") << "its standby is of generation 2";
  EXPECT_EQ(script_.swapped(1), "standby 1 of 3, run 1 #1");
}

// ---- Lanes on their way out ---------------------------------------------------------------------

TEST_F(DispatcherHandoverTest, ARevokedLaneArrivesBeforeItEnds) {
  script_.activate(2);
  EXPECT_EQ(script_.revoke({0}), "");
  EXPECT_EQ(script_.tick(), "active 2: 0/0");
  EXPECT_EQ(script_.swapped(1), "end 1 revoked");
  EXPECT_EQ(script_.ended(1), "close 1, unassign p0");
}

TEST_F(DispatcherHandoverTest, AnExchangeThatOutstaysTheRevokeIsCancelled) {
  script_.activate(2);
  script_.revoke({0});
  EXPECT_EQ(script_.pass(10s), "cancel 1, unassign p0, active 2: 0/0");
  EXPECT_EQ(script_.assign({0}), "open 2 p0") << "not before the other ended";
  EXPECT_EQ(script_.swapped(1), "end 1 revoked");
  EXPECT_EQ(script_.ended(1), "close 1, create 2");
  EXPECT_EQ(lane(2).generation, kSecond);
}

TEST_F(DispatcherHandoverTest, ALostLaneArrivesBeforeItEnds) {
  script_.activate(2);
  EXPECT_EQ(script_.lose({0}), "cancel 1, unassign p0");
  EXPECT_EQ(script_.swapped(1), "end 1 lost");
  EXPECT_EQ(script_.ended(1), "close 1");
}

TEST_F(DispatcherHandoverTest, TheStopWaitsForTheExchange) {
  script_.activate(2);
  EXPECT_EQ(script_.stop(5s), "");
  EXPECT_EQ(script_.swap_refused(1), "end 1 stopping");
  EXPECT_EQ(script_.ended(1), "stopped");
}

TEST_F(DispatcherHandoverTest, TheStopNamesAnExchangeThatDoesNotEnd) {
  script_.activate(2);
  script_.stop(5s);
  EXPECT_EQ(script_.pass(5s), "cancel 1, stopped 1, active 2: 0/0");
}

TEST_F(DispatcherHandoverTest, AnEndTakesTheStandbyAlong) {
  EXPECT_EQ(script_.revoke({0}), "end 1 revoked");
  EXPECT_EQ(script_.discard(), "") << "nothing is left to drop";
}

TEST_F(DispatcherHandoverTest, ALaneOnItsWayOutGoesOverNoMore) {
  script_.ready(1);
  script_.revoke({0});
  EXPECT_EQ(script_.activate(2), "");
  EXPECT_EQ(script_.done(1, Turn().got(0, 5).done_to(5)), "end 1 revoked");
  EXPECT_EQ(script_.tick(), "active 2: 0/0");
}

// ---- Lanes without an instance ------------------------------------------------------------------

TEST_F(DispatcherHandoverTest, ABlockedLaneIsRetargeted) {
  script_.ready(1);
  script_.lose({0});
  script_.assign({0});
  EXPECT_EQ(script_.tick(), "") << "it is as far as the lane before it: it needs nothing made";
  EXPECT_EQ(script_.activate(2), "retarget 2 to 2");
  EXPECT_EQ(script_.done(1, Turn()), "end 1 lost");
  EXPECT_EQ(script_.ended(1), "close 1, create 2");
  EXPECT_EQ(lane(2).generation, kSecond);
  EXPECT_EQ(script_.tick(), "active 2: 1/1");
}

/// Lane 1 is an intake, lanes 2 and 3 its slots, both drained.
class DispatcherSpreadHandoverTest : public ::testing::Test {
 protected:
  DispatcherSpreadHandoverTest() : script_(options()) {
    script_.assign({0});
    script_.ready(1);
    script_.done(1, Turn().got(0, 2).fills({0, 1}));
    script_.created(2);
    script_.created(3);
    script_.done(2, Turn().finished(0, 1));
    script_.done(3, Turn().finished(1, 2));
  }

  static DispatcherOptions options() {
    DispatcherOptions options = Script::standard();
    options.handlers[0].max_ahead = 10;
    return options;
  }
  const Lane& lane(std::uint64_t id) const { return script_.dispatcher().lane(LaneId{id}); }

  Script script_;
};

TEST_F(DispatcherSpreadHandoverTest, SlotsGetStandbysAndTheIntakeNeedsNone) {
  EXPECT_EQ(script_.prepare(2), "standby 2 of 2, standby 3 of 2");
  EXPECT_EQ(script_.pass(0ms), "commit 1: 1@2, prepared 2: 1/3");
}

TEST_F(DispatcherSpreadHandoverTest, EachSlotGoesOverByItself) {
  script_.with_prepared(2);
  script_.ready(1);
  script_.done(1, Turn().got(2, 3).fills({0}));
  EXPECT_EQ(script_.activate(2), "retarget 1 to 2, hold back 2, swap 3");
  EXPECT_EQ(script_.swapped(3), "run 3 #1");
  EXPECT_EQ(script_.done(2, Turn().finished(2, 3)), "swap 2");
  EXPECT_EQ(script_.tick(), "active 2: 2/3");
  EXPECT_EQ(script_.swapped(2), "run 2 #1");
  EXPECT_EQ(script_.tick(), "active 2: 3/3");
}

TEST_F(DispatcherSpreadHandoverTest, AnIntakeAtWorkIsRetargetedAfterItsTurn) {
  script_.with_prepared(2);
  script_.ready(1);
  EXPECT_EQ(script_.activate(2), "swap 2, swap 3");
  script_.swapped(2);
  script_.swapped(3);
  EXPECT_EQ(script_.tick(), "active 2: 2/3");
  EXPECT_EQ(script_.done(1, Turn().got(2, 3).fills({2})),
            "open 4 slot 2 of 1, create 4, retarget 1 to 2");
  EXPECT_EQ(lane(4).generation, kSecond) << "a new slot begins with what is active";
  EXPECT_EQ(script_.tick(), "active 2: 4/4");
}

TEST_F(DispatcherSpreadHandoverTest, AnIntakeNeverHasWhatIsOnlyPrepared) {
  script_.with_prepared(2);
  script_.ready(1);
  script_.activate(2);
  script_.prepare(3);
  EXPECT_EQ(script_.done(1, Turn()), "retarget 1 to 2");
}

TEST_F(DispatcherSpreadHandoverTest, ASlotThatGoesOverStillDrains) {
  script_.with_prepared(2);
  script_.ready(1);
  script_.done(1, Turn().got(2, 4).fills({0, 1}));
  script_.done(2, Turn());                 // offset 2 stays on the board
  script_.done(3, Turn().finished(3, 4));  // and 3 is past it
  EXPECT_EQ(script_.activate(2), "retarget 1 to 2, swap 2, swap 3");
  EXPECT_EQ(script_.revoke({0}), "");
  EXPECT_EQ(script_.swapped(2), "drain 2 <4");
  EXPECT_EQ(script_.swapped(3), "drain 3 <4");
  EXPECT_EQ(script_.done(2, Turn().finished(2, 3)), "");
  EXPECT_EQ(script_.done(3, Turn()), "end 1 revoked, end 2 revoked, end 3 revoked");
}

}  // namespace
}  // namespace moult::dispatch_test
