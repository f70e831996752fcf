// Turns of a lane: when it runs, waits, fails and runs again.

#include <gtest/gtest.h>

#include "tests/unit/dispatcher_script.h"

namespace moult::dispatch_test {
namespace {

TEST(DispatcherLaneTest, RunsWhenItsQueueFills) {
  Script script;
  EXPECT_EQ(script.assign({0}), "open 1 p0, create 1");
  EXPECT_EQ(script.created(1), "");
  EXPECT_EQ(script.ready(1), "run 1 #1");
}

TEST(DispatcherLaneTest, RunsOnceItsInstanceIsThere) {
  Script script;
  script.assign({0});
  EXPECT_EQ(script.ready(1), "");
  EXPECT_EQ(script.created(1), "run 1 #1");
}

TEST(DispatcherLaneTest, WaitsForTheNextReadyWhenDrained) {
  Script script;
  script.with_idle_lanes(1);
  EXPECT_EQ(script.work(1, 0, 5), "");
  EXPECT_EQ(script.ready(1), "run 1 #1");
}

TEST(DispatcherLaneTest, RunsAgainWhenThereIsMore) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  EXPECT_EQ(script.done(1, Turn().got(0, 5).done_to(5).more()), "run 1 #1");
}

TEST(DispatcherLaneTest, AReadyDuringATurnIsNotLost) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  EXPECT_EQ(script.ready(1), "") << "one turn at a time";
  EXPECT_EQ(script.done(1, Turn().got(0, 5).done_to(5)), "run 1 #1");
}

TEST(DispatcherLaneTest, LingersUntilItsTime) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  EXPECT_EQ(script.done(1, Turn().got(0, 2).lingers(script.now() + 50ms)), "");
  EXPECT_EQ(script.pass(0ms), "commit 1: 1@0") << "nothing is finished: the beginning";
  EXPECT_EQ(script.wait(), 50ms);
  EXPECT_EQ(script.pass(49ms), "");
  EXPECT_EQ(script.pass(1ms), "run 1 #1");
}

TEST(DispatcherLaneTest, MoreRecordsEndTheLingering) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.done(1, Turn().got(0, 2).lingers(script.now() + 50ms));
  EXPECT_EQ(script.ready(1), "run 1 #1");
  script.done(1, Turn().got(2, 4).done_to(4));
  script.pass(0ms);
  script.committed(1);
  EXPECT_EQ(script.wait(), kNothingDue) << "its timer is gone";
}

TEST(DispatcherLaneTest, AFailureWaitsAndCounts) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  EXPECT_EQ(script.done(1, Turn().got(0, 5).done_to(3).fails_at(3)), "");
  EXPECT_EQ(script.pass(499ms), "commit 1: 1@3") << "backs off for at least half of 1 s";
  EXPECT_EQ(script.pass(501ms), "run 1 #2");
  script.done(1, Turn().fails_at(3));
  EXPECT_EQ(script.pass(999ms), "") << "the second backoff is doubled";
  EXPECT_EQ(script.pass(1001ms), "run 1 #3");
}

TEST(DispatcherLaneTest, AReadyDoesNotShortenABackoff) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.done(1, Turn().got(0, 5).fails_at(0));
  EXPECT_EQ(script.ready(1), "");
}

TEST(DispatcherLaneTest, AttemptsStartAgainWithTheNextRecord) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.done(1, Turn().got(0, 5).done_to(1).fails_at(1));
  script.pass(1s);
  script.done(1, Turn().done_to(4).fails_at(4));
  EXPECT_EQ(script.pass(1s), "run 1 #2") << "offset 4 failed once";
  EXPECT_EQ(script.done(1, Turn().done_to(5).more()), "run 1 #1");
}

TEST(DispatcherLaneTest, TheHandlerMayAskForItsOwnDelay) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.done(1, Turn().got(0, 5).fails_at(0, 20s));
  EXPECT_EQ(script.pass(19'999ms), "commit 1: 1@0");
  EXPECT_EQ(script.pass(1ms), "run 1 #2");
}

TEST(DispatcherLaneTest, OneFailingLaneDoesNotHoldTheOther) {
  Script script;
  script.with_idle_lanes(2);
  script.ready(1);
  script.done(1, Turn().got(0, 5).fails_at(0));
  EXPECT_EQ(script.ready(2), "run 2 #1");
}

TEST(DispatcherLaneTest, AFailedCreateIsTriedAgain) {
  Script script;
  script.assign({0});
  EXPECT_EQ(script.create_failed(1), "");
  EXPECT_EQ(script.pass(499ms), "");
  EXPECT_EQ(script.pass(501ms), "create 1");
  script.create_failed(1);
  EXPECT_EQ(script.pass(999ms), "");
  EXPECT_EQ(script.pass(1001ms), "create 1");
  script.created(1);
  EXPECT_EQ(script.ready(1), "run 1 #1") << "a failed create is no attempt of a record";
}

TEST(DispatcherLaneTest, AQuietDispatcherStartsNothing) {
  Script script;
  script.with_idle_lanes(3);
  script.ready(1);
  script.ready(2);
  script.done(2, Turn().got(0, 5).fails_at(0));
  script.quiet();
  EXPECT_EQ(script.done(1, Turn().got(0, 5).done_to(5).more()), "");
  EXPECT_EQ(script.ready(3), "");
  EXPECT_EQ(script.pass(1min), "commit 1: 1@5 2@0") << "but it commits what is finished";
  EXPECT_EQ(script.committed(1), "");
  EXPECT_EQ(script.wait(), kNothingDue);
}

TEST(DispatcherLaneTest, APausedHandlerStartsNothingUntilItIsResumed) {
  Script script;
  script.with_idle_lanes(3);
  script.ready(1);
  script.ready(2);
  script.done(2, Turn().got(0, 5).fails_at(0));
  EXPECT_EQ(script.pause(true), "hold back 1") << "its turn may wait for a worker yet";
  EXPECT_EQ(script.done(1, Turn().got(0, 5).done_to(5).more()), "");
  EXPECT_EQ(script.ready(3), "");
  EXPECT_EQ(script.pass(1min), "commit 1: 1@5 2@0") << "nor when its backoff is over";
  EXPECT_EQ(script.pause(true), "") << "once more is nothing";
  EXPECT_EQ(script.pause(false), "run 1 #1, run 2 #2, run 3 #1");
}

TEST(DispatcherLaneTest, AResumedLaneWaitsForTheRestOfItsBackoff) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.done(1, Turn().got(0, 5).fails_at(0));
  script.pause(true);
  EXPECT_EQ(script.pause(false), "");
  EXPECT_EQ(script.pass(1min), "run 1 #2, commit 1: 1@0");
}

TEST(DispatcherLaneTest, AReadyThatCrossesWithTheEndIsNothing) {
  Script script;
  script.with_idle_lanes(1);
  script.lose({0});
  script.ended(1);
  EXPECT_EQ(script.ready(1), "");
}

using DispatcherDeathTest = ::testing::Test;

TEST(DispatcherDeathTest, AnAnswerForAClosedLane) {
  Script script;
  EXPECT_DEATH(script.done(1, Turn()), "an answer for a lane that is closed");
}

TEST(DispatcherDeathTest, ATurnThatNobodyAskedFor) {
  Script script;
  script.with_idle_lanes(1);
  EXPECT_DEATH(script.done(1, Turn().got(0, 1).done_to(1)), "a lane moved against its states");
}

TEST(DispatcherDeathTest, FinishedWithoutBeingReceived) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  EXPECT_DEATH(script.done(1, Turn().got(0, 5).done_to(6)), "finished what was never received");
}

TEST(DispatcherDeathTest, APartitionThatGoesBackUnderHeldRecords) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.done(1, Turn().got(5, 9).lingers(script.now()));
  script.pass(0ms);
  EXPECT_DEATH(script.done(1, Turn().got(0, 3)), "went back below unfinished records");
}

}  // namespace
}  // namespace moult::dispatch_test
