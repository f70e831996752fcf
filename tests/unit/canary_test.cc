#include "runtime/reload/canary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moult {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Kind = CanaryVerdict::Kind;

constexpr bool kGoesOn = false;
constexpr bool kTimeIsOver = true;

TallyCount did(std::uint64_t batches, std::uint64_t failed = 0, Duration busy = 1ms) {
  return {batches, batches, failed, batches * 100, busy, {}};
}

CanaryPolicy twenty_batches() { return {.batches = 20, .time = 30s, .max_slowdown = 3}; }

TEST(CanaryTest, IsUndecidedUntilItHasSeenItsBatches) {
  EXPECT_EQ(judge_canary(twenty_batches(), did(100), did(19), kGoesOn).kind, Kind::kUndecided);
  EXPECT_EQ(judge_canary(twenty_batches(), did(100), did(20), kGoesOn).kind, Kind::kGood);
  EXPECT_EQ(judge_canary(twenty_batches(), did(100), did(2), kTimeIsOver).kind, Kind::kGood);
}

TEST(CanaryTest, ByTimeAloneAnyNumberOfBatchesIsNotEnough) {
  CanaryPolicy policy = twenty_batches();
  policy.batches = 0;
  EXPECT_EQ(judge_canary(policy, did(100), did(1'000), kGoesOn).kind, Kind::kUndecided);
  EXPECT_EQ(judge_canary(policy, did(100), did(1'000), kTimeIsOver).kind, Kind::kGood);
}

TEST(CanaryTest, TheFirstFailureEndsItWhenTheOldGenerationHasNone) {
  const auto verdict = judge_canary(twenty_batches(), did(240), did(3, 1), kGoesOn);
  EXPECT_EQ(verdict.kind, Kind::kBad);
  EXPECT_THAT(verdict.reason,
              HasSubstr("1 of its 3 batches failed; of the old generation's 0 of 240"));
}

TEST(CanaryTest, MayFailAsTheOldGenerationDoes) {
  const TallyCount older = did(200, 20);  // 10 %: two of twenty
  EXPECT_EQ(judge_canary(twenty_batches(), older, did(3, 2), kGoesOn).kind, Kind::kUndecided);
  EXPECT_EQ(judge_canary(twenty_batches(), older, did(3, 3), kGoesOn).kind, Kind::kBad);
}

TEST(CanaryTest, AndAsMuchMoreAsIsAllowed) {
  CanaryPolicy policy = twenty_batches();
  policy.max_failures = 5;
  EXPECT_EQ(judge_canary(policy, did(200), did(2, 1), kGoesOn).kind, Kind::kUndecided);
  EXPECT_EQ(judge_canary(policy, did(200), did(2, 2), kGoesOn).kind, Kind::kBad);
}

TEST(CanaryTest, AFailureCountsAlsoInTheLastBatch) {
  EXPECT_EQ(judge_canary(twenty_batches(), did(100), did(20, 1), kTimeIsOver).kind, Kind::kBad);
}

TEST(CanaryTest, WithoutRecordsNothingSpeaksAgainstIt) {
  EXPECT_EQ(judge_canary(twenty_batches(), did(0), did(0), kTimeIsOver).kind, Kind::kGood);
}

TEST(CanaryTest, AFirstBatchThatDoesNotEndIsBad) {
  TallyCount newer;
  newer.begun = 1;
  EXPECT_EQ(judge_canary(twenty_batches(), did(10), newer, kGoesOn).kind, Kind::kUndecided);
  EXPECT_EQ(judge_canary(twenty_batches(), did(10), newer, kTimeIsOver).kind, Kind::kBad);
}

TEST(CanaryTest, IsTooSlowByTheOldGenerationsTimeARecord) {
  const TallyCount older = did(100, 0, 1s);  // 100 us a record
  const auto slow = judge_canary(twenty_batches(), older, did(20, 0, 601ms), kGoesOn);
  EXPECT_EQ(slow.kind, Kind::kBad);
  EXPECT_THAT(slow.reason, HasSubstr("300.5 us a record, the old generation 100.0"));
  EXPECT_EQ(judge_canary(twenty_batches(), older, did(20, 0, 600ms), kGoesOn).kind, Kind::kGood);
}

TEST(CanaryTest, WhatAColdCacheCostsIsNotSlow) {
  const TallyCount older = did(100, 0, 100us);
  EXPECT_EQ(judge_canary(twenty_batches(), older, did(20, 0, 20ms), kGoesOn).kind, Kind::kGood);
}

TEST(CanaryTest, OneBatchAloneDoesNotMakeItSlow) {
  const TallyCount older = did(100, 0, 1s);  // 100 us a record
  TallyCount newer = did(20, 0, 700ms);
  newer.longest = {100, 510ms};
  EXPECT_EQ(judge_canary(twenty_batches(), older, newer, kGoesOn).kind, Kind::kGood);
  newer.longest = {100, 40ms};  // the others take 660 ms for 1,900
  const auto slow = judge_canary(twenty_batches(), older, newer, kGoesOn);
  EXPECT_EQ(slow.kind, Kind::kBad);
  EXPECT_THAT(slow.reason, HasSubstr("347.4 us a record, the old generation 100.0"));
}

TEST(CanaryTest, OfOneBatchNobodyKnowsWhetherItIsSlow) {
  TallyCount newer = did(1, 0, 10s);
  newer.longest = {100, 10s};
  EXPECT_EQ(judge_canary(twenty_batches(), did(100), newer, kTimeIsOver).kind, Kind::kGood);
}

TEST(CanaryTest, TheLongestBatchIsCountedWithItsRecords) {
  GenerationTally tally;
  tally.longest.note({3, 2ms});
  tally.longest.note({1'000, 1ms});
  EXPECT_EQ(TallyCount::of(tally).longest.records, 3U);
  EXPECT_EQ(TallyCount::of(tally).longest.busy, 2ms);
  tally.longest.note({std::uint64_t{1} << 40, 1'000h});
  EXPECT_EQ(TallyCount::of(tally).longest.records, (std::uint64_t{1} << 24) - 1);
  EXPECT_EQ(TallyCount::of(tally).longest.busy, std::chrono::microseconds((1ULL << 40) - 1));
}

TEST(CanaryTest, ALaneOnItsWayWhenTheTimeIsOverHasAMomentMore) {
  const CanaryPolicy policy = twenty_batches();
  const CanaryVerdict good{Kind::kGood, {}};
  EXPECT_EQ(judge_arrival(policy, good, false, 10s).kind, Kind::kUndecided);
  EXPECT_EQ(judge_arrival(policy, good, false, 31s).kind, Kind::kUndecided);
  EXPECT_EQ(judge_arrival(policy, good, true, 31s).kind, Kind::kGood);
  const CanaryVerdict late = judge_arrival(policy, good, false, 40s);
  EXPECT_EQ(late.kind, Kind::kBad);
  EXPECT_EQ(late.reason, "canary: a lane did not go over to it in time");
  EXPECT_EQ(judge_arrival(policy, {Kind::kBad, "slow"}, false, 31s).reason, "slow");
  EXPECT_EQ(judge_arrival(policy, {}, true, 31s).kind, Kind::kUndecided);
}

TEST(CanaryTest, NoLimitOfTimeMeansNone) {
  CanaryPolicy policy = twenty_batches();
  policy.max_slowdown = 0;
  EXPECT_EQ(judge_canary(policy, did(100), did(20, 0, 1h), kGoesOn).kind, Kind::kGood);
}

}  // namespace
}  // namespace moult
