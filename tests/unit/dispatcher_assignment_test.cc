// Partitions that come and go.

#include <gtest/gtest.h>

#include "tests/unit/dispatcher_script.h"

namespace moult::dispatch_test {
namespace {

TEST(DispatcherAssignmentTest, EachAssignmentIsAnEpoch) {
  Script script;
  script.assign({0, 1});
  script.assign({2});
  EXPECT_EQ(script.dispatcher().epoch(), 2U);
  EXPECT_EQ(script.dispatcher().lane(LaneId{2}).epoch, 1U);
  EXPECT_EQ(script.dispatcher().lane(LaneId{3}).epoch, 2U);
}

TEST(DispatcherAssignmentTest, ARevokedPartitionEndsCommitsAndGoes) {
  Script script;
  script.with_idle_lanes(2);
  script.work(1, 0, 5);
  EXPECT_EQ(script.revoke({0}), "end 1 revoked");
  EXPECT_EQ(script.ended(1), "commit 1: 1@5");
  EXPECT_EQ(script.committed(1), "close 1, unassign p0");
  EXPECT_EQ(script.ready(2), "run 2 #1") << "the other one goes on";
}

TEST(DispatcherAssignmentTest, WithNothingToCommitItGoesAtOnce) {
  Script script;
  script.with_idle_lanes(1);
  script.revoke({0});
  EXPECT_EQ(script.ended(1), "close 1, unassign p0");
}

TEST(DispatcherAssignmentTest, TheRunningBatchEndsFirst) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  EXPECT_EQ(script.revoke({0}), "hold back 1");
  EXPECT_EQ(script.done(1, Turn().got(0, 5).done_to(5).more()), "end 1 revoked");
  EXPECT_EQ(script.ended(1), "commit 1: 1@5");
}

TEST(DispatcherAssignmentTest, AllRevokedPartitionsGoTogether) {
  Script script;
  script.with_idle_lanes(2);
  script.revoke({0, 1});
  EXPECT_EQ(script.ended(1), "");
  EXPECT_EQ(script.ended(2), "close 1, close 2, unassign p0 p1");
}

TEST(DispatcherAssignmentTest, NoPeriodicCommitWhilePartitionsGo) {
  Script script;
  script.with_idle_lanes(2);
  script.work(2, 0, 5);
  script.revoke({0});
  EXPECT_EQ(script.pass(2s), "");
  EXPECT_EQ(script.ended(1), "close 1, unassign p0");
  EXPECT_EQ(script.pass(0ms), "commit 1: 2@5");
}

TEST(DispatcherAssignmentTest, AFailedLastCommitReleasesAllTheSame) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 0, 5);
  script.revoke({0});
  script.ended(1);
  EXPECT_EQ(script.commit_failed(1), "close 1, unassign p0");
}

TEST(DispatcherAssignmentTest, AnUnansweredLastCommitIsBounded) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 0, 5);
  script.revoke({0});
  script.ended(1);
  EXPECT_EQ(script.wait(), 5s);
  EXPECT_EQ(script.pass(4'999ms), "");
  EXPECT_EQ(script.pass(1ms), "close 1, unassign p0");
  EXPECT_EQ(script.committed(1), "");
}

TEST(DispatcherAssignmentTest, ThePeriodicCommitUnderWayIsNotTrusted) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 0, 5);
  EXPECT_EQ(script.pass(0ms), "commit 1: 1@5");
  script.revoke({0});
  EXPECT_EQ(script.ended(1), "commit 2: 1@5");
  EXPECT_EQ(script.committed(1), "");
  EXPECT_EQ(script.committed(2), "close 1, unassign p0");
}

TEST(DispatcherAssignmentTest, ALaneThatOverstaysIsCancelledAndLeftBehind) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 0, 5);
  script.ready(1);
  script.revoke({0});
  EXPECT_EQ(script.pass(9'999ms), "");
  EXPECT_EQ(script.pass(1ms), "cancel 1, commit 1: 1@5");
  EXPECT_EQ(script.committed(1), "unassign p0");
  EXPECT_EQ(script.done(1, Turn().got(5, 9).done_to(9)), "end 1 revoked");
  EXPECT_EQ(script.ended(1), "close 1");
  EXPECT_EQ(script.pass(1min), "") << "its late offsets are not committed";
}

TEST(DispatcherAssignmentTest, ARegainedPartitionWaitsForItsOldLane) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.lose({0});
  EXPECT_EQ(script.assign({0}), "open 2 p0");
  EXPECT_EQ(script.ready(2), "");
  EXPECT_EQ(script.done(1, Turn().got(0, 5).done_to(5)), "end 1 lost");
  EXPECT_EQ(script.ended(1), "close 1, create 2");
  EXPECT_EQ(script.created(2), "run 2 #1");
}

TEST(DispatcherAssignmentTest, ABlockedLaneIsGivenBackAsItIs) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.lose({0});
  script.assign({0});
  EXPECT_EQ(script.revoke({0}), "close 2, unassign p0");
  script.assign({0});
  EXPECT_EQ(script.lose({0}), "close 3, unassign p0");
  EXPECT_EQ(script.assign({0}), "open 4 p0");
  script.done(1, Turn());
  EXPECT_EQ(script.ended(1), "close 1, create 4");
}

TEST(DispatcherAssignmentTest, ALostPartitionIsNotCommitted) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 0, 5);
  EXPECT_EQ(script.lose({0}), "end 1 lost, cancel 1, unassign p0");
  EXPECT_EQ(script.pass(1min), "");
  EXPECT_EQ(script.ended(1), "close 1");
}

TEST(DispatcherAssignmentTest, ALostLanesRunningBatchIsCancelled) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  EXPECT_EQ(script.lose({0}), "cancel 1, unassign p0");
  EXPECT_EQ(script.done(1, Turn().got(0, 5).fails_at(0)), "end 1 lost");
  EXPECT_EQ(script.pass(1min), "") << "neither a commit nor a retry";
}

TEST(DispatcherAssignmentTest, ALaneInTheMakingEndsOnceItIsMade) {
  Script script;
  script.assign({0, 1});
  script.revoke({0, 1});
  EXPECT_EQ(script.created(1), "end 1 revoked");
  EXPECT_EQ(script.create_failed(2), "end 2 revoked");
}

TEST(DispatcherAssignmentTest, WaitingLanesEndAtOnce) {
  Script script;
  script.with_idle_lanes(2);
  script.ready(1);
  script.ready(2);
  script.done(1, Turn().got(0, 5).fails_at(0));
  script.done(2, Turn().got(0, 5).lingers(script.now() + 1s));
  EXPECT_EQ(script.revoke({0, 1}), "end 1 revoked, end 2 revoked");
  EXPECT_EQ(script.wait(), 10s) << "their timers are gone, the release's is there";
}

TEST(DispatcherAssignmentTest, NothingAtAllIsReleasedToo) {
  Script script;
  EXPECT_EQ(script.assign({}), "");
  EXPECT_EQ(script.revoke({}), "unassign ");
  EXPECT_EQ(script.revoke({3}), "unassign p3") << "it has no lane";
  EXPECT_EQ(script.lose({3}), "unassign p3");
}

TEST(DispatcherAssignmentDeathTest, APartitionTwice) {
  Script script;
  script.assign({0});
  EXPECT_DEATH(script.assign({0}), "a partition was assigned twice");
}

}  // namespace
}  // namespace moult::dispatch_test
