// What is committed, and when.

#include <gtest/gtest.h>

#include "tests/unit/dispatcher_script.h"

namespace moult::dispatch_test {
namespace {

TEST(DispatcherCommitTest, CommitsWhatIsFinishedOnceAnInterval) {
  Script script;
  script.with_idle_lanes(2);
  script.work(1, 0, 5);
  script.work(2, 10, 12);
  EXPECT_EQ(script.pass(0ms), "commit 1: 1@5 2@12");
  script.committed(1);
  script.work(1, 5, 8);
  EXPECT_EQ(script.wait(), 1s);
  EXPECT_EQ(script.pass(999ms), "");
  EXPECT_EQ(script.pass(1ms), "commit 2: 1@8") << "only the lane that moved";
}

TEST(DispatcherCommitTest, NeverPassesAnUnfinishedRecord) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.done(1, Turn().got(0, 9).done_to(4).fails_at(4));
  EXPECT_EQ(script.pass(0ms), "commit 1: 1@4");
}

TEST(DispatcherCommitTest, GapsAreFinished) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 0, 5);
  script.ready(1);
  script.done(1, Turn().got(20, 22).done_to(21).fails_at(21));
  EXPECT_EQ(script.pass(0ms), "commit 1: 1@21");
}

TEST(DispatcherCommitTest, ReachesAnEndPastTheLastRecord) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.done(1, Turn().got(0, 5).done_to(5).end_at(7));
  EXPECT_EQ(script.pass(0ms), "commit 1: 1@7");
}

TEST(DispatcherCommitTest, TheEndDoesNotPassAnUnfinishedRecord) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.done(1, Turn().got(0, 5).end_at(7).fails_at(0));
  EXPECT_EQ(script.pass(500ms), "commit 1: 1@0");
}

TEST(DispatcherCommitTest, AnEmptyPartitionCommitsItsEnd) {
  Script script;
  script.with_idle_lanes(1);
  script.ready(1);
  script.done(1, Turn().end_at(100));
  EXPECT_EQ(script.pass(0ms), "commit 1: 1@100");
}

TEST(DispatcherCommitTest, HasOneUnderWayAtATime) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 0, 5);
  EXPECT_EQ(script.pass(0ms), "commit 1: 1@5");
  script.work(1, 5, 8);
  EXPECT_EQ(script.pass(4s), "");
  EXPECT_EQ(script.committed(1), "");
  EXPECT_EQ(script.pass(0ms), "commit 2: 1@8");
}

TEST(DispatcherCommitTest, AFailedOneIsSentAgain) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 0, 5);
  script.pass(0ms);
  EXPECT_EQ(script.commit_failed(1), "");
  EXPECT_EQ(script.pass(1s), "commit 2: 1@5");
}

TEST(DispatcherCommitTest, AnUnansweredOneIsGivenUp) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 0, 5);
  script.pass(0ms);
  EXPECT_EQ(script.wait(), 5s);
  EXPECT_EQ(script.pass(5s), "commit 2: 1@5");
  EXPECT_EQ(script.committed(1), "") << "too late: nobody waits for it";
  EXPECT_EQ(script.committed(2), "");
  EXPECT_EQ(script.wait(), kNothingDue);
}

TEST(DispatcherCommitTest, OneThatComesLateHasTakenThePlaceOfWhatFollowedIt) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 0, 5);
  EXPECT_EQ(script.pass(0ms), "commit 1: 1@5");
  script.work(1, 5, 8);
  EXPECT_EQ(script.pass(5s), "commit 2: 1@8");
  script.committed(2);
  script.committed(1);
  EXPECT_EQ(script.pass(1s), "commit 3: 1@8");
  script.committed(3);
  EXPECT_EQ(script.pass(1s), "");
}

TEST(DispatcherCommitTest, OneThatComesLateFromBeforeThePartitionWentBackIsReplaced) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 100, 105);
  EXPECT_EQ(script.pass(0ms), "commit 1: 1@105");
  EXPECT_EQ(script.pass(5s), "commit 2: 1@105");
  script.committed(2);
  script.work(1, 0, 3);
  EXPECT_EQ(script.pass(1s), "commit 3: 1@3");
  script.committed(3);
  script.committed(1);
  EXPECT_EQ(script.pass(1s), "commit 4: 1@3");
}

TEST(DispatcherCommitTest, NothingNewIsNotCommitted) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 0, 5);
  script.pass(0ms);
  script.committed(1);
  EXPECT_EQ(script.wait(), kNothingDue);
  EXPECT_EQ(script.pass(1h), "");
}

TEST(DispatcherCommitTest, APartitionThatWentBackIsCommittedLower) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 100, 105);
  script.pass(0ms);
  script.committed(1);
  script.work(1, 0, 3);
  EXPECT_EQ(script.pass(1s), "commit 2: 1@3");
}

// ---- A topic made anew, before records of it come -----------------------------------------------

TEST(DispatcherCommitTest, ATopicMadeAnewIsCommittedToItsBeginAtOnce) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 50, 150);
  EXPECT_EQ(script.pass(0ms), "commit 1: 1@150");
  script.committed(1);
  EXPECT_EQ(script.begun_again({0}), "");
  EXPECT_EQ(script.tick(), "commit 2: 1@0") << "not an interval later";
  script.committed(2);
  EXPECT_EQ(script.pass(1h), "");
  script.work(1, 0, 60);
  EXPECT_EQ(script.pass(1s), "commit 3: 1@60");
}

TEST(DispatcherCommitTest, ABatchOfTheTopicBeforeIsNotCommitted) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 0, 50);
  script.pass(0ms);
  script.committed(1);
  script.ready(1);
  script.begun_again({0});
  script.done(1, Turn().got(50, 150).done_to(150));
  EXPECT_EQ(script.tick(), "commit 2: 1@0");
  script.committed(2);
  script.revoke({0});
  EXPECT_EQ(script.ended(1), "close 1, unassign p0") << "the broker has what counts";
}

TEST(DispatcherCommitTest, ARebalanceGivesTheTopicMadeAnewAwayFromItsBegin) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 50, 150);
  script.pass(0ms);
  script.committed(1);
  script.begun_again({0});
  script.revoke({0});
  EXPECT_EQ(script.ended(1), "commit 2: 1@0");
}

TEST(DispatcherCommitTest, ACommitOfTheTopicBeforeThatComesThroughLastIsReplaced) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 50, 150);
  EXPECT_EQ(script.pass(0ms), "commit 1: 1@150");
  script.begun_again({0});
  EXPECT_EQ(script.pass(5s), "commit 2: 1@0") << "the first one is not waited for any longer";
  script.committed(2);
  script.committed(1);
  EXPECT_EQ(script.pass(1s), "commit 3: 1@0");
}

TEST(DispatcherCommitTest, WhereNothingHadComeTheTopicMadeAnewIsAnyOther) {
  Script script;
  script.with_idle_lanes(2);
  script.ready(2);
  script.begun_again({0, 1});
  EXPECT_EQ(script.tick(), "commit 1: 1@0 2@0");
  script.committed(1);
  EXPECT_EQ(script.pass(1h), "");
  script.work(1, 0, 5);
  script.done(2, Turn().got(0, 3).done_to(3));
  EXPECT_EQ(script.pass(1s), "commit 2: 1@5 2@3");
}

TEST(DispatcherCommitTest, AnAnswerToTheOldOffsetsSaysNothingOfTheNew) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 100, 105);
  script.pass(0ms);
  script.work(1, 0, 3);
  script.committed(1);
  script.revoke({0});
  EXPECT_EQ(script.ended(1), "commit 2: 1@3");
}

TEST(DispatcherCommitTest, AnEarlierAnswerDoesNotTakeBackALaterOne) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 0, 5);
  script.pass(0ms);
  script.stop(10s);
  EXPECT_EQ(script.ended(1), "commit 2: 1@5");
  EXPECT_EQ(script.committed(2), "stopped");
  EXPECT_EQ(script.commit_failed(1), "");
  EXPECT_EQ(script.pass(1min), "") << "the broker has it";
}

/// Lane 1 has finished up to 8; the commit of its 5 is not answered.
void commit_under_way(Script& script, int lanes = 1) {
  script.with_idle_lanes(lanes);
  script.work(1, 0, 5);
  EXPECT_EQ(script.pass(0ms), "commit 1: 1@5");
  script.work(1, 5, 8);
}

/// A stop waits for its commit of lane 1's 5.
void last_commit_under_way(Script& script) {
  script.with_idle_lanes(1);
  script.work(1, 0, 5);
  script.stop(10s);
  EXPECT_EQ(script.ended(1), "commit 1: 1@5");
}

TEST(DispatcherCommitTest, AReleaseCommitsBehindWhatIsUnderWay) {
  Script script;
  commit_under_way(script);
  script.stop(10s);
  EXPECT_EQ(script.ended(1), "") << "the broker would keep the one that comes last";
  EXPECT_EQ(script.committed(1), "commit 2: 1@8");
  EXPECT_EQ(script.committed(2), "stopped");
}

TEST(DispatcherCommitTest, AReleaseCommitsAgainWhatAnEarlierOneFailedToCommit) {
  Script script;
  commit_under_way(script);
  script.revoke({0});
  EXPECT_EQ(script.ended(1), "");
  EXPECT_EQ(script.commit_failed(1), "commit 2: 1@8");
  EXPECT_EQ(script.committed(2), "close 1, unassign p0");
}

TEST(DispatcherCommitTest, AReleaseDoesNotWaitForOtherPartitionsCommits) {
  Script script;
  commit_under_way(script, 2);
  script.work(2, 0, 3);
  script.revoke({1});
  EXPECT_EQ(script.ended(2), "commit 2: 2@3");
}

TEST(DispatcherCommitTest, AReleaseDoesNotWaitForLostPartitionsCommits) {
  Script script;
  commit_under_way(script, 2);
  script.work(2, 0, 3);
  script.stop(10s);
  script.ended(2);
  script.lose({0});
  EXPECT_EQ(script.ended(1), "close 1, commit 2: 2@3");
}

TEST(DispatcherCommitTest, AReleaseWaitsForHalfOfItsCommitsTime) {
  Script script;
  commit_under_way(script);
  script.stop(10s, 0s);
  EXPECT_EQ(script.pass(1s), "");
  EXPECT_EQ(script.ended(1), "");
  EXPECT_EQ(script.wait(), 2500ms);
  EXPECT_EQ(script.pass(2500ms), "commit 2: 1@8");
  EXPECT_EQ(script.wait(), 2500ms);
  EXPECT_EQ(script.pass(2500ms), "stopped");
}

TEST(DispatcherCommitTest, AReleaseThatWaitsIsCutToTheTimeOfTheStop) {
  Script script;
  commit_under_way(script);
  script.revoke({0});
  EXPECT_EQ(script.ended(1), "");
  EXPECT_EQ(script.stop(1s, 1s), "");
  EXPECT_EQ(script.pass(1s), "commit 2: 1@8") << "half of what is left";
  EXPECT_EQ(script.pass(1s), "close 1, unassign p0, stopped");
}

TEST(DispatcherCommitTest, AReleaseWaitsForOneThatWasGivenUp) {
  Script script;
  commit_under_way(script);
  EXPECT_EQ(script.pass(5s), "commit 2: 1@8");
  script.committed(2);
  script.stop(10s);
  EXPECT_EQ(script.ended(1), "");
  EXPECT_EQ(script.committed(1), "commit 3: 1@8");
  EXPECT_EQ(script.committed(3), "stopped");
}

TEST(DispatcherCommitTest, AReleaseCommitsOnceMoreWhenItsCommitWasOvertaken) {
  Script script;
  commit_under_way(script);
  script.stop(10s);
  script.ended(1);
  EXPECT_EQ(script.pass(2500ms), "commit 2: 1@8");
  EXPECT_EQ(script.committed(2), "") << "the first one may still take its place";
  EXPECT_EQ(script.committed(1), "commit 3: 1@8");
  EXPECT_EQ(script.committed(3), "stopped");
}

TEST(DispatcherCommitTest, AFailedCommitOfAReleaseIsNotSentAgain) {
  Script script;
  last_commit_under_way(script);
  EXPECT_EQ(script.commit_failed(1), "stopped");
}

TEST(DispatcherCommitTest, AStopCommitsAgainWhatARebalanceRefused) {
  Script script;
  last_commit_under_way(script);
  EXPECT_EQ(script.commit_overtaken(1), "");
  EXPECT_EQ(script.wait(), 100ms);
  EXPECT_EQ(script.pass(100ms), "commit 2: 1@5");
  EXPECT_EQ(script.commit_overtaken(2), "");
  EXPECT_EQ(script.pass(100ms), "commit 3: 1@5");
  EXPECT_EQ(script.committed(3), "stopped");
}

TEST(DispatcherCommitTest, AStopCommitsAgainUntilItsTimeIsOver) {
  Script script;
  last_commit_under_way(script);
  std::string said;
  for (std::uint64_t commit = 1; said != "stopped" && commit < 1'000; ++commit) {
    said = script.commit_overtaken(commit);
    if (said.empty()) said = script.pass(100ms);
    if (said.starts_with("commit")) said.clear();
  }
  EXPECT_EQ(said, "stopped");
}

TEST(DispatcherCommitTest, OneFromBeforeThePartitionWentBackIsWaitedForToo) {
  Script script;
  script.with_idle_lanes(1);
  script.work(1, 100, 105);
  EXPECT_EQ(script.pass(0ms), "commit 1: 1@105");
  script.work(1, 0, 3);
  script.stop(10s);
  EXPECT_EQ(script.ended(1), "");
  EXPECT_EQ(script.committed(1), "commit 2: 1@3");
}

}  // namespace
}  // namespace moult::dispatch_test
