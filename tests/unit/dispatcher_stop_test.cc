// The stop: everything ends, in its time.

#include <gtest/gtest.h>

#include "tests/unit/dispatcher_script.h"

namespace moult::dispatch_test {
namespace {

TEST(DispatcherStopTest, BeforeTheFirstAssignment) {
  Script script;
  EXPECT_EQ(script.stop(25s), "stopped");
}

TEST(DispatcherStopTest, EndsCommitsStops) {
  Script script;
  script.with_idle_lanes(2);
  script.ready(1);
  EXPECT_EQ(script.stop(25s), "hold back 1, end 2 stopping");
  EXPECT_EQ(script.ended(2), "");
  EXPECT_EQ(script.done(1, Turn().got(0, 5).done_to(5).more()), "end 1 stopping");
  EXPECT_EQ(script.ended(1), "commit 1: 1@5");
  EXPECT_EQ(script.committed(1), "stopped");
  EXPECT_TRUE(script.dispatcher().at_rest());
  EXPECT_EQ(script.revoke({0, 1}), "close 1, close 2, unassign p0 p1") << "the consumer closes";
}

TEST(DispatcherStopTest, ASecondOneChangesNothing) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.stop(25s);
  EXPECT_EQ(script.stop(1s), "");
  EXPECT_EQ(script.wait(), 25s);
}

TEST(DispatcherStopTest, NamesWhatDoesNotEnd) {
  Script script;
  script.with_idle_lanes(2);
  script.work(1, 0, 5);
  script.ready(2);
  script.stop(25s);
  script.ended(1);
  EXPECT_EQ(script.pass(25s), "cancel 2, commit 1: 1@5");
  EXPECT_EQ(script.committed(1), "stopped 2");
  EXPECT_FALSE(script.dispatcher().at_rest());
}

TEST(DispatcherStopTest, ALaneThatEndsDuringTheLastCommitIsNotNamed) {
  Script script;
  script.with_idle_lanes(2);
  script.work(1, 0, 5);
  script.ready(2);
  script.stop(25s);
  script.ended(1);
  script.pass(25s);
  EXPECT_EQ(script.done(2, Turn()), "end 2 stopping");
  EXPECT_EQ(script.ended(2), "");
  EXPECT_EQ(script.committed(1), "stopped");
}

TEST(DispatcherStopTest, WaitsForLanesThatOutstayedAnEarlierRelease) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.lose({0});
  EXPECT_EQ(script.stop(25s), "");
  EXPECT_EQ(script.done(1, Turn()), "end 1 lost");
  EXPECT_EQ(script.ended(1), "close 1, stopped");
}

TEST(DispatcherStopTest, NamesLanesThatOutstayedAnEarlierRelease) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.lose({0});
  script.stop(25s);
  EXPECT_EQ(script.pass(25s), "stopped 1");
}

TEST(DispatcherStopTest, ShortensAReleaseUnderWay) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.revoke({0});
  EXPECT_EQ(script.stop(3s), "");
  EXPECT_EQ(script.pass(3s), "cancel 1, unassign p0, stopped 1");
}

TEST(DispatcherStopTest, ARevokeMeanwhileHasOnlyTheTimeOfTheStop) {
  Script script;
  script.with_idle_lanes(2);
  script.work(1, 0, 5);
  script.ready(2);
  script.stop(3s);
  script.ended(1);
  script.pass(1s);
  EXPECT_EQ(script.revoke({1}), "");
  EXPECT_EQ(script.pass(2s), "cancel 2, unassign p1, commit 1: 1@5");
  EXPECT_EQ(script.pass(5s), "stopped 2") << "deadline and commit timeout are over";
}

TEST(DispatcherStopTest, BothCommitsShareOneTimeout) {
  Script script;
  script.with_idle_lanes(2);
  script.work(1, 0, 5);
  script.work(2, 0, 6);
  script.revoke({1});
  script.stop(3s);
  script.ended(1);
  EXPECT_EQ(script.ended(2), "commit 1: 2@6, commit 2: 1@5");
  EXPECT_EQ(script.pass(5s), "close 2, unassign p1, stopped");
}

TEST(DispatcherStopTest, MayLeaveTheLastCommitLessTime) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 0, 5);
  script.stop(3s, 1s);
  EXPECT_EQ(script.ended(1), "commit 1: 1@5");
  EXPECT_EQ(script.wait(), 4s) << "what the drain did not need is the commit's";
  EXPECT_EQ(script.pass(4s), "stopped");
}

TEST(DispatcherStopTest, NeverLeavesTheLastCommitMoreThanItsTimeout) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 0, 5);
  script.stop(3s, 1h);
  script.ended(1);
  EXPECT_EQ(script.wait(), 5s);
}

TEST(DispatcherStopTest, IsTheLastToGo) {
  Script script;
  script.with_idle_lanes(2);
  script.work(2, 0, 6);
  script.revoke({1});
  script.stop(25s);
  script.ended(1);
  EXPECT_EQ(script.ended(2), "commit 1: 2@6");
  EXPECT_EQ(script.wait(), 5s) << "the commit's, nothing in the past";
  EXPECT_EQ(script.committed(1), "close 2, unassign p1, stopped");
}

TEST(DispatcherStopTest, WhatIsAssignedTooLateIsNotStarted) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.stop(25s);
  EXPECT_EQ(script.assign({1}), "open 2 p1");
  EXPECT_EQ(script.ready(2), "");
  script.done(1, Turn());
  EXPECT_EQ(script.ended(1), "stopped");
  EXPECT_EQ(script.revoke({0, 1}), "close 1, close 2, unassign p0 p1");
}

TEST(DispatcherStopTest, ARegainedLaneStaysBlocked) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.lose({0});
  script.assign({0});
  script.stop(25s);
  script.done(1, Turn());
  EXPECT_EQ(script.ended(1), "close 1, stopped");
}

TEST(DispatcherStopTest, ALossMeanwhileIsNotCommitted) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.stop(25s);
  EXPECT_EQ(script.lose({0}), "cancel 1, unassign p0");
  EXPECT_EQ(script.done(1, Turn().got(0, 5).done_to(5)), "end 1 lost");
  EXPECT_EQ(script.ended(1), "close 1, stopped");
}

}  // namespace
}  // namespace moult::dispatch_test
