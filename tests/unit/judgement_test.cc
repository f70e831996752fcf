#include "runtime/workers/judgement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moult {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

moult_outcome outcome(std::uint32_t code) {
  moult_outcome made{};
  made.struct_size = sizeof made;
  made.code = code;
  return made;
}

std::vector<moult_outcome> outcomes(std::initializer_list<std::uint32_t> codes) {
  std::vector<moult_outcome> all;
  for (const std::uint32_t code : codes) all.push_back(outcome(code));
  return all;
}

constexpr GiveUpPolicy kForEver{0, GiveUp::kNever};
constexpr GiveUpPolicy kOnce{1, GiveUp::kDeadLetter};
constexpr GiveUpPolicy kThrice{3, GiveUp::kDeadLetter};

Judgement judged(std::initializer_list<std::uint32_t> codes, const GiveUpPolicy& policy,
                 std::uint32_t attempt = 1) {
  const auto all = outcomes(codes);
  return judge(all, {}, all.size(), attempt, policy, true);
}

std::vector<std::size_t> given_up(const Judgement& judgement) {
  std::vector<std::size_t> indexes;
  for (const FailedRecord& record : judgement.given_up) indexes.push_back(record.index);
  return indexes;
}

TEST(JudgementTest, AllOkIsAllDone) {
  const Judgement all = judged({MOULT_OK, MOULT_OK, MOULT_OK}, kForEver);
  EXPECT_EQ(all.done, 3U);
  EXPECT_FALSE(all.failed);
  EXPECT_THAT(given_up(all), IsEmpty());
}

TEST(JudgementTest, ARetryEndsTheBatchWhateverFollows) {
  const Judgement some = judged({MOULT_OK, MOULT_RETRY, MOULT_OK, MOULT_DEAD_LETTER}, kThrice);
  EXPECT_EQ(some.done, 1U);
  ASSERT_TRUE(some.failed);
  EXPECT_EQ(some.failed->index, 1U);
  EXPECT_EQ(some.failed->attempts, 1U);
  EXPECT_FALSE(some.stops);
  EXPECT_THAT(given_up(some), IsEmpty());
}

TEST(JudgementTest, OnlyTheFirstRecordHasHadEarlierAttempts) {
  EXPECT_THAT(given_up(judged({MOULT_RETRY, MOULT_OK}, kThrice, 3)), ElementsAre(0U));
  EXPECT_FALSE(judged({MOULT_RETRY}, kThrice, 3).failed);
  EXPECT_TRUE(judged({MOULT_RETRY}, kThrice, 2).failed) << "one attempt is left";
  EXPECT_TRUE(judged({MOULT_OK, MOULT_RETRY}, kThrice, 3).failed) << "its first attempt";
}

TEST(JudgementTest, WhatFollowsAUsedUpRecordIsNotJudged) {
  const Judgement some = judged({MOULT_OK, MOULT_UNSET, MOULT_UNSET, MOULT_OK}, kOnce);
  EXPECT_EQ(some.done, 2U) << "the handler never saw what is behind it";
  EXPECT_THAT(given_up(some), ElementsAre(1U));
  EXPECT_FALSE(some.failed);
}

TEST(JudgementTest, ACallThatFailedWithoutANameGivesNoneUp) {
  const auto all = outcomes({MOULT_OK, MOULT_UNSET, MOULT_UNSET});
  const Judgement some = judge(all, {}, 3, 1, kOnce, false);
  EXPECT_EQ(some.done, 1U);
  ASSERT_TRUE(some.failed);
  EXPECT_EQ(some.failed->index, 1U);
  EXPECT_TRUE(some.blames_batch);
  EXPECT_THAT(given_up(some), IsEmpty());
}

TEST(JudgementTest, AloneARecordIsToBlame) {
  const Judgement alone = judge(outcomes({MOULT_UNSET}), {}, 1, 1, kOnce, false);
  EXPECT_FALSE(alone.blames_batch);
  EXPECT_THAT(given_up(alone), ElementsAre(0U));
}

TEST(JudgementTest, WhatIsBehindARecordThatWasGivenUpWasNotTried) {
  const std::vector<std::uint32_t> selected = {0, 2};
  const auto all = outcomes({MOULT_DEAD_LETTER, MOULT_UNSET});
  const Judgement some = judge(all, selected, 3, 1, kOnce, false);
  EXPECT_EQ(some.done, 2U) << "the one between is none of the handler's";
  EXPECT_THAT(given_up(some), ElementsAre(0U));
  EXPECT_FALSE(some.failed);
}

TEST(JudgementTest, AHandlersDeadLettersDontEndTheBatch) {
  const Judgement all = judged({MOULT_DEAD_LETTER, MOULT_OK, MOULT_DEAD_LETTER, MOULT_OK}, kThrice);
  EXPECT_EQ(all.done, 4U);
  EXPECT_THAT(given_up(all), ElementsAre(0U, 2U));
}

TEST(JudgementTest, ADeadLetterWithoutAPlaceToGoIsARetry) {
  const Judgement some = judged({MOULT_OK, MOULT_DEAD_LETTER, MOULT_OK}, kForEver);
  EXPECT_EQ(some.done, 1U);
  ASSERT_TRUE(some.failed);
  EXPECT_FALSE(some.stops);
}

TEST(JudgementTest, ASkippedRecordIsDoneWithoutADeadLetter) {
  const Judgement all = judged({MOULT_SKIP, MOULT_OK}, kThrice);
  EXPECT_EQ(all.done, 2U);
  ASSERT_THAT(given_up(all), ElementsAre(0U));
  EXPECT_TRUE(all.given_up[0].skipped);
}

TEST(JudgementTest, FatalStopsAtItsRecord) {
  const Judgement some = judged({MOULT_OK, MOULT_FATAL, MOULT_OK}, kThrice);
  EXPECT_EQ(some.done, 1U);
  ASSERT_TRUE(some.failed);
  EXPECT_TRUE(some.stops);
}

TEST(JudgementTest, APolicyMayStopTheLane) {
  const Judgement some = judged({MOULT_OK, MOULT_RETRY}, {1, GiveUp::kStop});
  EXPECT_EQ(some.done, 1U);
  EXPECT_TRUE(some.stops);
}

TEST(JudgementTest, AnUnknownOutcomeIsAFailure) { EXPECT_TRUE(judged({77}, kForEver).failed); }

TEST(JudgementTest, RecordsThatTheHandlerDidNotSeeAreDone) {
  const auto all = outcomes({MOULT_OK, MOULT_RETRY});
  const std::vector<std::uint32_t> selected = {1, 4};
  const Judgement some = judge(all, selected, 6, 1, kForEver, true);
  EXPECT_EQ(some.done, 4U) << "up to the second that it saw";
  EXPECT_EQ(some.failed->index, 4U);
  const auto good = outcomes({MOULT_OK, MOULT_OK});
  EXPECT_EQ(judge(good, selected, 6, 1, kForEver, true).done, 6U);
}

TEST(JudgementTest, ALaterFailureTakesBackWhatIsBehindIt) {
  Judgement judgement = judged({MOULT_DEAD_LETTER, MOULT_OK, MOULT_DEAD_LETTER}, kThrice);
  FailedRecord late;
  late.index = 1;
  late.attempts = 1;
  fail_at(judgement, late, kThrice);
  EXPECT_EQ(judgement.done, 1U);
  EXPECT_EQ(judgement.failed->index, 1U);
  EXPECT_THAT(given_up(judgement), ElementsAre(0U));
}

TEST(JudgementTest, AFailureBehindAnEarlierOneChangesNothing) {
  Judgement judgement = judged({MOULT_RETRY, MOULT_OK}, kThrice);
  FailedRecord late;
  late.index = 1;
  fail_at(judgement, late, kThrice);
  EXPECT_EQ(judgement.failed->index, 0U);
}

}  // namespace
}  // namespace moult
