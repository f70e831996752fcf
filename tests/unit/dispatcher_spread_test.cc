// Partitions whose records are spread over slots: lane 1 pulls, the lanes of its slots follow.

#include <gtest/gtest.h>

#include "tests/unit/dispatcher_script.h"

namespace moult::dispatch_test {
namespace {

DispatcherOptions spread_options(std::uint64_t max_ahead) {
  DispatcherOptions options = Script::standard();
  options.handlers[0].max_ahead = max_ahead;
  return options;
}

/// Partition 0 with its intake, lane 1, and two slots: lane 2 holds offsets 0 and 2, lane 3 holds
/// 1 and 3. Both run.
class DispatcherSpreadTest : public ::testing::Test {
 protected:
  DispatcherSpreadTest() : DispatcherSpreadTest(spread_options(10)) {}
  explicit DispatcherSpreadTest(DispatcherOptions options) : script_(std::move(options)) {
    script_.assign({0});
    script_.ready(1);
    script_.done(1, Turn().got(0, 4).fills({0, 1, 0, 1}));
    script_.created(2);
    script_.created(3);
  }

  Script script_;
};

/// The same, with room for the four records and no more.
class DispatcherFullSpreadTest : public DispatcherSpreadTest {
 protected:
  DispatcherFullSpreadTest() : DispatcherSpreadTest(spread_options(4)) {}
};

TEST(DispatcherIntakeTest, TakesWithoutAnInstance) {
  Script script(spread_options(10));
  EXPECT_EQ(script.assign({0}), "open 1 p0");
  EXPECT_EQ(script.ready(1), "take 1 room 10");
}

TEST(DispatcherIntakeTest, ASlotIsALaneWhenItGetsItsFirstRecord) {
  Script script(spread_options(10));
  script.assign({0});
  script.ready(1);
  EXPECT_EQ(script.done(1, Turn().got(0, 3).fills({5, 0, 5})),
            "open 2 slot 5 of 1, create 2, open 3 slot 0 of 1, create 3");
  EXPECT_EQ(script.created(3), "run 3 #1");
  EXPECT_EQ(script.created(2), "run 2 #1");
  EXPECT_EQ(script.dispatcher().assigned_lanes(), (std::vector{LaneId{1}, LaneId{3}, LaneId{2}}));
}

TEST(DispatcherIntakeTest, StartsWithWhatItsQueueSaidWhileAnOlderLaneRan) {
  Script script(spread_options(10));
  script.assign({0});
  script.ready(1);
  script.lose({0});
  EXPECT_EQ(script.assign({0}), "open 2 p0");
  EXPECT_EQ(script.ready(2), "") << "the older lane still pulls";
  EXPECT_EQ(script.done(1, Turn().got(0, 1).fills({0})), "end 1 lost");
  EXPECT_EQ(script.ended(1), "close 1, take 2 room 10");
}

TEST_F(DispatcherSpreadTest, AFillWakesItsSlotAlone) {
  script_.done(2, Turn().finished(0, 1).finished(2, 3));
  script_.done(3, Turn().finished(1, 2).finished(3, 4));
  script_.ready(1);
  EXPECT_EQ(script_.done(1, Turn().got(4, 5).fills({1})), "run 3 #1");
}

TEST_F(DispatcherSpreadTest, AFillDuringATurnIsNotLost) {
  script_.ready(1);
  EXPECT_EQ(script_.done(1, Turn().got(4, 5).fills({0})), "") << "one turn at a time";
  EXPECT_EQ(script_.done(2, Turn().finished(0, 1)), "run 2 #1");
}

TEST_F(DispatcherSpreadTest, TheWatermarkIsTheLowestUnfinished) {
  script_.done(3, Turn().finished(1, 2).finished(3, 4));
  EXPECT_EQ(script_.pass(0ms), "commit 1: 1@0");
  script_.committed(1);
  script_.done(2, Turn().finished(0, 1).more());
  EXPECT_EQ(script_.pass(1s), "commit 2: 1@2");
  script_.committed(2);
  script_.done(2, Turn().finished(2, 3));
  EXPECT_EQ(script_.pass(1s), "commit 3: 1@4");
}

TEST_F(DispatcherSpreadTest, RoomIsWhatIsLeftPastTheWatermark) {
  EXPECT_EQ(script_.ready(1), "take 1 room 6");
  EXPECT_EQ(script_.done(1, Turn().got(4, 6).fills({0, 1}).more()), "take 1 room 4");
}

TEST_F(DispatcherFullSpreadTest, AFullIntakeGoesOnWhenRoomComes) {
  EXPECT_EQ(script_.ready(1), "");
  EXPECT_EQ(script_.done(3, Turn().finished(1, 2).finished(3, 4)), "")
      << "finished ahead of the watermark is no room";
  EXPECT_EQ(script_.done(2, Turn().finished(0, 1).finished(2, 3)), "take 1 room 4");
}

TEST(DispatcherIntakeTest, TakesNothingWithTooManyBytesAhead) {
  DispatcherOptions options = spread_options(10);
  options.handlers[0].max_ahead_bytes = 20;
  Script script(options);
  script.assign({0});
  script.ready(1);
  script.done(1, Turn().got(0, 2).fills({0, 0}).more());
  script.created(2);
  EXPECT_EQ(script.done(2, Turn().finished(1, 2).more()), "run 2 #1")
      << "what is finished ahead of the watermark is still in memory";
  EXPECT_EQ(script.done(2, Turn().finished(0, 1).more()), "run 2 #1, take 1 room 10");
}

TEST_F(DispatcherSpreadTest, AFailingSlotHoldsNoOther) {
  script_.done(2, Turn().fails_at(0));
  EXPECT_EQ(script_.done(3, Turn().finished(1, 2).more()), "run 3 #1");
  script_.done(3, Turn().finished(3, 4));
  EXPECT_EQ(script_.pass(499ms), "commit 1: 1@0");
  EXPECT_EQ(script_.pass(501ms), "run 2 #2");
}

TEST_F(DispatcherSpreadTest, AStoppedSlotHoldsNoOther) {
  script_.done(2, Turn().stops_at(0));
  EXPECT_EQ(script_.dispatcher().trouble(), (Trouble{.stopped = 1}));
  EXPECT_EQ(script_.done(3, Turn().finished(1, 2).finished(3, 4)), "");
  EXPECT_EQ(script_.ready(1), "take 1 room 6");
  EXPECT_EQ(script_.done(1, Turn().got(4, 6).fills({0, 1})), "run 3 #1");
  EXPECT_EQ(script_.revoke({0}), "hold back 3");
  EXPECT_EQ(script_.done(3, Turn().finished(5, 6)), "drain 3 <6");
  EXPECT_EQ(script_.done(3, Turn()), "end 1 revoked, end 2 revoked, end 3 revoked");
  EXPECT_EQ(script_.dispatcher().trouble(), Trouble{});
}

// ---- On the way out -----------------------------------------------------------------------------

TEST_F(DispatcherSpreadTest, ARevokedOneFinishesWhatLiesBelowFinishedRecords) {
  EXPECT_EQ(script_.revoke({0}), "hold back 2, hold back 3");
  EXPECT_EQ(script_.done(3, Turn().finished(1, 2).finished(3, 4)), "drain 3 <4");
  EXPECT_EQ(script_.done(2, Turn().finished(0, 1).more()), "drain 2 <4");
  EXPECT_EQ(script_.done(3, Turn()), "") << "it has nothing left there, and is not asked again";
  EXPECT_EQ(script_.done(2, Turn().finished(2, 3)), "end 1 revoked, end 2 revoked, end 3 revoked");
  script_.ended(1);
  script_.ended(2);
  EXPECT_EQ(script_.ended(3), "commit 1: 1@4");
  EXPECT_EQ(script_.committed(1), "close 1, close 2, close 3, unassign p0");
}

TEST_F(DispatcherSpreadTest, ARevokedOneStartsNothingThatNobodyWouldRepeat) {
  script_.revoke({0});
  script_.done(3, Turn().more());
  EXPECT_EQ(script_.done(2, Turn().finished(0, 1).more()),
            "end 1 revoked, end 2 revoked, end 3 revoked");
}

TEST_F(DispatcherSpreadTest, WhatItsIntakeBringsLateIsLeft) {
  script_.ready(1);
  script_.revoke({0});
  EXPECT_EQ(script_.done(3, Turn().finished(1, 2).finished(3, 4)), "drain 3 <4");
  script_.done(2, Turn().finished(0, 1).finished(2, 3));
  EXPECT_EQ(script_.done(3, Turn()), "") << "the intake still pulls";
  EXPECT_EQ(script_.done(1, Turn().got(4, 6).fills({0, 7}).more()),
            "end 1 revoked, end 2 revoked, end 3 revoked");
}

TEST_F(DispatcherSpreadTest, ADrainDoesNotWaitForASlotThatFails) {
  script_.revoke({0});
  script_.done(2, Turn().fails_at(0));
  EXPECT_EQ(script_.done(3, Turn().finished(1, 2).finished(3, 4)), "drain 3 <4");
  EXPECT_EQ(script_.done(3, Turn()), "end 1 revoked, end 2 revoked, end 3 revoked");
}

TEST_F(DispatcherSpreadTest, AFailedSlotIsNotTriedAgainOnItsWayOut) {
  script_.done(2, Turn().fails_at(0));
  script_.revoke({0});
  EXPECT_EQ(script_.pass(5s), "") << "lane 3 still runs";
}

TEST_F(DispatcherSpreadTest, ADrainEndsByItsDeadline) {
  script_.done(3, Turn().finished(1, 2).finished(3, 4));
  EXPECT_EQ(script_.revoke({0}), "hold back 2, drain 3 <4");
  script_.done(3, Turn());
  EXPECT_EQ(script_.pass(10s),
            "end 1 revoked, cancel 1, cancel 2, end 3 revoked, cancel 3, commit 1: 1@0");
  EXPECT_EQ(script_.done(2, Turn().finished(0, 1).more()), "end 2 revoked") << "no drain turn";
}

TEST_F(DispatcherSpreadTest, ALostOneEndsAtOnce) {
  script_.done(3, Turn().finished(1, 2).finished(3, 4));
  EXPECT_EQ(script_.lose({0}), "end 1 lost, cancel 1, cancel 2, end 3 lost, cancel 3, unassign p0");
  EXPECT_EQ(script_.assign({0}), "open 4 p0");
  script_.ready(4);
  EXPECT_EQ(script_.ended(1), "close 1");
  EXPECT_EQ(script_.ended(3), "close 3");
  EXPECT_EQ(script_.done(2, Turn().finished(0, 1)), "end 2 lost");
  EXPECT_EQ(script_.ended(2), "close 2, take 4 room 10") << "the last of the family is gone";
}

TEST_F(DispatcherSpreadTest, AStopDrainsToo) {
  script_.done(3, Turn().finished(1, 2).finished(3, 4));
  EXPECT_EQ(script_.stop(25s), "hold back 2, drain 3 <4");
  EXPECT_EQ(script_.done(2, Turn().finished(0, 1).more()), "drain 2 <4");
  script_.done(3, Turn());
  EXPECT_EQ(script_.done(2, Turn().finished(2, 3)),
            "end 1 stopping, end 2 stopping, end 3 stopping");
}

TEST_F(DispatcherSpreadTest, APausedOneIsNotCalledOnItsWayOut) {
  script_.done(3, Turn().finished(1, 2).finished(3, 4));
  script_.pause(true);
  EXPECT_EQ(script_.revoke({0}), "hold back 2");
  EXPECT_EQ(script_.done(2, Turn().finished(0, 1).more()),
            "end 1 revoked, end 2 revoked, end 3 revoked");
  script_.ended(1);
  script_.ended(2);
  EXPECT_EQ(script_.ended(3), "commit 1: 1@2") << "3 comes again";
}

TEST_F(DispatcherSpreadTest, APausedOneIsNotCalledByAStop) {
  script_.done(3, Turn().finished(1, 2).finished(3, 4));
  script_.done(2, Turn().finished(0, 1));
  script_.pause(true);
  EXPECT_EQ(script_.stop(25s), "end 1 stopping, end 2 stopping, end 3 stopping");
}

TEST_F(DispatcherSpreadTest, ADrainEndsWhenItsHandlerIsPaused) {
  script_.revoke({0});
  EXPECT_EQ(script_.done(3, Turn().finished(1, 2).finished(3, 4)), "drain 3 <4");
  EXPECT_EQ(script_.pause(true), "hold back 2, hold back 3");
  EXPECT_EQ(script_.done(2, Turn().finished(0, 1).more()), "") << "lane 3 drains";
  EXPECT_EQ(script_.done(3, Turn()), "end 1 revoked, end 2 revoked, end 3 revoked");
}

TEST_F(DispatcherSpreadTest, ADrainGoesOnWhenItsHandlerIsResumed) {
  script_.pause(true);
  script_.revoke({0});
  EXPECT_EQ(script_.done(3, Turn().finished(1, 2).finished(3, 4)), "");
  EXPECT_EQ(script_.pause(false), "") << "with the end of what runs";
  EXPECT_EQ(script_.done(2, Turn().finished(0, 1).more()), "drain 2 <4, drain 3 <4");
}

TEST_F(DispatcherSpreadTest, AQuietOneDrainsAllTheSame) {
  script_.quiet();
  script_.done(3, Turn().finished(1, 2).finished(3, 4));
  EXPECT_EQ(script_.stop(25s), "hold back 2, drain 3 <4");
}

TEST_F(DispatcherSpreadTest, AQuietOneTakesNothingAndRunsNoSlot) {
  script_.quiet();
  EXPECT_EQ(script_.ready(1), "");
  EXPECT_EQ(script_.done(2, Turn().finished(0, 1).more()), "");
  EXPECT_EQ(script_.done(3, Turn().finished(1, 2)), "");
  EXPECT_EQ(script_.pass(1min), "commit 1: 1@2");
}

// ---- A partition made anew ----------------------------------------------------------------------

TEST_F(DispatcherSpreadTest, ThatWentBackWaitsUntilEverythingIsFinished) {
  script_.ready(1);
  EXPECT_EQ(script_.done(1, Turn().went_back()), "");
  script_.done(2, Turn().finished(0, 1).finished(2, 3));
  EXPECT_EQ(script_.done(3, Turn().finished(1, 2).finished(3, 4)), "take 1 room 10");
  EXPECT_EQ(script_.done(1, Turn().got(0, 1).fills({0})), "run 2 #1");
  script_.done(2, Turn().finished(0, 1));
  EXPECT_EQ(script_.pass(0ms), "commit 1: 1@1") << "of the new one";
}

TEST_F(DispatcherSpreadTest, ThatWentBackWaitsForASlotWithNothingToDo) {
  script_.done(2, Turn().finished(0, 1).finished(2, 3).more());
  script_.ready(1);
  script_.done(1, Turn().went_back());
  EXPECT_EQ(script_.done(3, Turn().finished(1, 2).finished(3, 4)), "")
      << "lane 2 would take new records for old ones";
  EXPECT_EQ(script_.done(2, Turn()), "take 1 room 10");
}

TEST_F(DispatcherSpreadTest, ThatWentBackKeepsASlotThatWentOverWaiting) {
  script_.with_prepared(2);
  script_.ready(1);
  script_.done(1, Turn().went_back());
  script_.done(2, Turn().finished(0, 1).finished(2, 3));
  EXPECT_EQ(script_.activate(2), "retarget 1 to 2, swap 2, hold back 3");
  EXPECT_EQ(script_.done(3, Turn().finished(1, 2).finished(3, 4)), "swap 3, take 1 room 10");
  EXPECT_EQ(script_.swapped(2), "") << "it would take new records for old ones";
  EXPECT_EQ(script_.done(1, Turn().got(0, 2).fills({1, 1})), "run 2 #1");
  EXPECT_EQ(script_.swapped(3), "run 3 #1");
  script_.done(3, Turn().finished(0, 2));
  EXPECT_EQ(script_.dispatcher().lane(LaneId{1}).tracker.watermark(), 2) << "of the new one";
}

TEST_F(DispatcherSpreadTest, ThatWentBackKeepsAResumedSlotWaiting) {
  script_.ready(1);
  script_.done(1, Turn().went_back());
  script_.pause(true);
  script_.done(2, Turn().finished(0, 1).finished(2, 3).more());
  script_.done(3, Turn().finished(1, 2).finished(3, 4).more());
  EXPECT_EQ(script_.pause(false), "take 1 room 10");
  EXPECT_EQ(script_.done(1, Turn().got(0, 1).fills({0})), "run 2 #1, run 3 #1");
}

TEST_F(DispatcherSpreadTest, ThatWentBackTwiceKeepsNoSlotFromItsRecords) {
  script_.ready(1);
  script_.done(1, Turn().went_back());
  script_.done(2, Turn().finished(0, 1).finished(2, 3));
  EXPECT_EQ(script_.done(3, Turn().finished(1, 2).finished(3, 4)), "take 1 room 10");
  EXPECT_EQ(script_.done(1, Turn().got(0, 1).fills({0}).went_back()), "run 2 #1");
  EXPECT_EQ(script_.done(2, Turn().finished(0, 1)), "take 1 room 10");
}

// ---- Lanes that gave up, batches past their deadline --------------------------------------------

TEST(DispatcherTroubleTest, AStoppedLaneWaitsForItsPartitionToGo) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  EXPECT_EQ(script.done(1, Turn().got(0, 5).done_to(2).stops_at(2)), "");
  EXPECT_EQ(script.dispatcher().trouble(), (Trouble{.stopped = 1}));
  EXPECT_EQ(script.ready(1), "");
  EXPECT_EQ(script.pass(1min), "commit 1: 1@2") << "what it finished counts";
  script.committed(1);
  EXPECT_EQ(script.wait(), kNothingDue);
  EXPECT_EQ(script.revoke({0}), "end 1 revoked");
  EXPECT_EQ(script.dispatcher().trouble(), Trouble{});
}

DispatcherOptions with_deadline() {
  DispatcherOptions options = Script::standard();
  options.handlers[0].deadline = 5s;
  return options;
}

/// Lane 1 has its turn, and five seconds.
struct RunningScript : Script {
  RunningScript() : Script(with_deadline()) {
    with_idle_lanes(1);
    ready(1);
  }
};

TEST(DispatcherTroubleTest, ABatchPastItsDeadlineIsOverdueOnce) {
  RunningScript script;
  EXPECT_EQ(script.wait(), 5s);
  EXPECT_EQ(script.pass(4'999ms), "");
  EXPECT_EQ(script.pass(1ms), "overdue 1");
  EXPECT_EQ(script.dispatcher().trouble(), (Trouble{.overdue = 1}));
  EXPECT_EQ(script.pass(1min), "");
  script.done(1, Turn().got(0, 5).done_to(5));
  EXPECT_EQ(script.dispatcher().trouble(), Trouble{});
  EXPECT_EQ(script.pass(0ms), "commit 1: 1@5") << "what it reports counts";
}

TEST(DispatcherTroubleTest, ATurnThatWaitedForAWorkerHasItsWholeDeadline) {
  RunningScript script;
  EXPECT_EQ(script.pass(5s), "overdue 1");
  script.younger(1, 2s);
  EXPECT_EQ(script.dispatcher().trouble(), Trouble{});
  EXPECT_EQ(script.pass(2'999ms), "");
  EXPECT_EQ(script.pass(1ms), "overdue 1");
  EXPECT_EQ(script.dispatcher().trouble(), (Trouble{.overdue = 1}));
}

TEST(DispatcherTroubleTest, WhetherTheDaemonEndsForItGoesOverWithAGeneration) {
  DispatcherOptions options = with_deadline();
  Script script(options);
  script.with_idle_lanes(1);
  options.handlers[0].exit_on_deadline = true;
  script.activate(1, options.handlers[0]);
  script.tick();
  script.ready(1);
  EXPECT_EQ(script.pass(5s), "overdue 1, exit");
}

TEST(DispatcherTroubleTest, ABatchInTimeIsNeverOverdue) {
  RunningScript script;
  script.pass(4s);
  EXPECT_EQ(script.done(1, Turn().got(0, 5).done_to(5).more()), "run 1 #1");
  EXPECT_EQ(script.pass(4s), "commit 1: 1@5") << "each turn has its own deadline";
  EXPECT_EQ(script.pass(1s), "overdue 1");
}

}  // namespace
}  // namespace moult::dispatch_test
