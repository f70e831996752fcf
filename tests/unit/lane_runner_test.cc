#include "runtime/workers/lane_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <string_view>
#include <thread>

#include "tests/unit/lane_fixture.h"

namespace moult {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Next = TurnDone::Next;
using Batches = std::vector<std::vector<Offset>>;

constexpr Duration kNeverOver = 10min;

std::vector<std::string> records(std::size_t count, std::size_t bytes = 10) {
  return std::vector<std::string>(count, std::string(bytes, 'x'));
}

std::vector<Offset> offsets(Offset begin, Offset end) {
  std::vector<Offset> all(static_cast<std::size_t>(end - begin));
  std::iota(all.begin(), all.end(), begin);
  return all;
}

bool all_ok(const moult_batch& batch) {
  moult_all_ok(&batch);
  return true;
}

/// Longer than a turn goes on with further batches.
bool all_ok_slowly(const moult_batch& batch) {
  std::this_thread::sleep_for(1ms);
  return all_ok(batch);
}

/// All is well, but what the record at `index` gets.
auto but(std::uint32_t index, const moult_outcome& outcome) {
  return [index, outcome](const moult_batch& batch) {
    moult_all_ok(&batch);
    *moult_outcome_at(&batch, index) = outcome;
    return true;
  };
}

moult_outcome retry() {
  moult_outcome outcome{};
  outcome.struct_size = sizeof outcome;
  outcome.code = MOULT_RETRY;
  return outcome;
}

class LaneRunnerTest : public LaneTest {};

// ---- How many batches make a turn ---------------------------------------------------------------

TEST_F(LaneRunnerTest, AFastHandlerHasSeveralBatchesInATurn) {
  open({.max_records = 1}, records(500));
  const std::size_t turns = drain();
  EXPECT_EQ(handler_.batches.size(), 500U);
  // Not one: the machine may take the thread away in the middle of any turn.
  EXPECT_LT(turns, 250U);
}

TEST_F(LaneRunnerTest, ASlowHandlerHasOneBatchATurn) {
  handler_.consume = all_ok_slowly;
  open({.max_records = 2}, records(10));
  for (std::size_t turns = 1; turns <= 5; ++turns) {
    EXPECT_EQ(turn().next, Next::kMore);
    EXPECT_EQ(handler_.batches.size(), turns);
  }
  EXPECT_EQ(turn().next, Next::kDrained);
  EXPECT_EQ(handler_.batches.size(), 5U);
}

TEST_F(LaneRunnerTest, ATurnSumsUpItsBatches) {
  open({.max_records = 3}, records(100));
  Offset received = 0;
  for (Next next = Next::kMore; next == Next::kMore;) {
    const SeenTurn done = turn();
    next = done.next;
    if (done.received.empty()) continue;
    EXPECT_EQ(done.lane, LaneId{1});
    EXPECT_EQ(done.received.begin, received);
    EXPECT_EQ(done.received.end, handler_.batches.back().offsets.back() + 1);
    EXPECT_EQ(done.done_to, done.received.end);
    received = done.received.end;
  }
  EXPECT_EQ(received, 100);
}

TEST_F(LaneRunnerTest, AFailureEndsTheTurnBehindGoodBatches) {
  handler_.consume = [this](const moult_batch& batch) {
    return handler_.batches.size() < 3 ? all_ok(batch) : but(1, retry())(batch);
  };
  open({.max_records = 2}, records(10));
  SeenTurn done = turn();
  while (done.next == Next::kMore) done = turn();
  EXPECT_EQ(done.next, Next::kFailed);
  EXPECT_EQ(done.failure.offset, 5);
  EXPECT_EQ(done.done_to, 5);
  EXPECT_EQ(done.received.end, 6);
  EXPECT_EQ(handler_.offsets(), (Batches{{0, 1}, {2, 3}, {4, 5}}));
}

TEST_F(LaneRunnerTest, AnEmptyQueueIsDrainedWithoutABatch) {
  open(kWide, {});
  const SeenTurn done = turn();
  EXPECT_EQ(done.next, Next::kDrained);
  EXPECT_TRUE(done.received.empty());
  EXPECT_EQ(done.done_to, std::nullopt);
  EXPECT_EQ(done.end, 0);
  EXPECT_THAT(handler_.batches, IsEmpty());
}

// ---- What makes a batch -------------------------------------------------------------------------

TEST_F(LaneRunnerTest, BytesBoundABatchAndOneRecordAlwaysGoes) {
  const auto sized = [](std::size_t bytes) { return std::string(bytes, 'x'); };
  open({.max_bytes = 25}, {sized(10), sized(10), sized(10), sized(100), sized(5), sized(20)});
  drain();
  EXPECT_EQ(handler_.offsets(), (Batches{{0, 1}, {2}, {3}, {4, 5}}));
}

TEST_F(LaneRunnerTest, KeysCountAsBytes) {
  const kafka::Sample sample{"sixteen bytes, k", "value 10 b"};
  open_with({.max_bytes = 52}, {sample, sample, sample});
  drain();
  EXPECT_EQ(handler_.offsets(), (Batches{{0, 1}, {2}}));
}

TEST_F(LaneRunnerTest, NoMoreIsPulledThanMakesUpTheBytes) {
  handler_.consume = all_ok_slowly;
  open({.max_records = 5, .max_bytes = 250}, records(20, 100));
  turn();  // knows no sizes yet: pulls by number
  EXPECT_EQ(fetched(), 15U + 1) << "with the partition's end";
  turn();  // holds three, which are enough
  EXPECT_EQ(fetched(), 15U + 1);
  turn();  // holds one; two more make up the bytes
  EXPECT_EQ(fetched(), 13U + 1);
  EXPECT_EQ(handler_.offsets(), (Batches{{0, 1}, {2, 3}, {4, 5}}));
}

// ---- Offsets that go back -----------------------------------------------------------------------

TEST_F(LaneRunnerTest, ATurnEndsWhereOffsetsGoBack) {
  handler_.consume = all_ok_slowly;
  open({.max_bytes = 50}, records(10));
  EXPECT_EQ(turn().next, Next::kMore);  // holds 5 to 9, which are enough: the queue is let be
  go_back(2, 8);
  handler_.consume = all_ok;
  const SeenTurn before = turn();
  EXPECT_EQ(before.received, (OffsetRange{5, 10}));
  EXPECT_EQ(before.done_to, 10);
  EXPECT_EQ(before.next, Next::kMore);
  const TurnDone after = turn();
  EXPECT_EQ(after.received.begin, 2);
  EXPECT_EQ(handler_.batches.at(2), (SeenBatch{{2, 3, 4, 5, 6}, 1}));
}

TEST_F(LaneRunnerTest, ABatchIsCutWhereOffsetsGoBack) {
  open({.max_records = 8, .linger = kNeverOver}, records(5));
  EXPECT_EQ(turn().next, Next::kLinger);
  go_back(2, 3);
  turn();  // 0 to 4 and 2 to 4 make a full batch, but for the cut
  EXPECT_THAT(handler_.offsets(), ElementsAre(offsets(0, 5)));
}

// ---- Cancelled ----------------------------------------------------------------------------------

TEST_F(LaneRunnerTest, ACancelledLanePullsNothing) {
  open(kWide, records(5));
  const std::size_t before = fetched();
  EXPECT_FALSE(lane_->cancelled());
  lane_->cancel();
  EXPECT_TRUE(lane_->cancelled());
  const SeenTurn done = turn();
  EXPECT_EQ(done.next, Next::kDrained);
  EXPECT_TRUE(done.received.empty());
  EXPECT_EQ(done.end, std::nullopt);
  EXPECT_EQ(fetched(), before);
  EXPECT_THAT(handler_.batches, IsEmpty());
}

TEST_F(LaneRunnerTest, ACancelledLaneHandlesNothingThatItHolds) {
  handler_.consume = but(0, retry());
  open(kWide, records(5));
  EXPECT_EQ(turn().next, Next::kFailed);
  lane_->cancel();
  EXPECT_EQ(turn(2).next, Next::kDrained);
  EXPECT_EQ(handler_.batches.size(), 1U) << "somebody else may have its partition";
}

TEST_F(LaneRunnerTest, WhatWasSaidOfABatchEndsWithIt) {
  open(kWide, records(5));
  handler_.consume = [this](const moult_batch& batch) {
    lane_->overdue();
    EXPECT_TRUE(lane_->cancelled());
    return all_ok(batch);
  };
  turn();
  EXPECT_FALSE(lane_->cancelled()) << "what revoked() flushes is in time";
}

TEST_F(LaneRunnerTest, AReplacedInstanceReachesItsLaneNoMore) {
  open(kWide, records(1));
  const std::shared_ptr<Seat> old = lane_->leave();
  lane_->cancel();
  EXPECT_FALSE(old->cancelled());
  EXPECT_EQ(old->produce({}), MOULT_PRODUCE_NOT_NOW);
  auto next = std::make_shared<Seat>(GenerationUse(new_generation()), LaneIdentity{"t", 0, 1});
  ASSERT_TRUE(next->create().has_value());
  lane_->take_seat(next);
  EXPECT_TRUE(next->cancelled());
  old->destroy();
}

TEST_F(LaneRunnerTest, ABatchCancelledWhileItRunsIsTheLast) {
  handler_.consume = [this](const moult_batch& batch) {
    lane_->cancel();
    return all_ok(batch);
  };
  open({.max_bytes = 20}, records(10));
  const SeenTurn done = turn();  // holds all ten
  EXPECT_THAT(handler_.offsets(), ElementsAre(offsets(0, 2)));
  EXPECT_EQ(done.received, (OffsetRange{0, 2}));
  EXPECT_EQ(done.done_to, 2);
}

// ---- Linger -------------------------------------------------------------------------------------

TEST_F(LaneRunnerTest, ABatchGathersSinceItsFirstRecord) {
  open({.linger = kNeverOver}, records(3));
  const TimePoint before = Clock::now();
  const SeenTurn first = turn();
  EXPECT_EQ(first.next, Next::kLinger);
  EXPECT_GE(first.linger_until, before + kNeverOver);
  EXPECT_LE(first.linger_until, Clock::now() + kNeverOver);
  EXPECT_TRUE(first.received.empty());
  EXPECT_EQ(first.done_to, std::nullopt);
  EXPECT_EQ(first.end, std::nullopt) << "the end lies behind records that are held";
  append("one more");
  const TurnDone second = turn();
  EXPECT_EQ(second.next, Next::kLinger);
  EXPECT_EQ(second.linger_until, first.linger_until);
  EXPECT_THAT(handler_.batches, IsEmpty());
}

TEST_F(LaneRunnerTest, ABatchFullOfRecordsDoesNotLinger) {
  open({.max_records = 4, .linger = kNeverOver}, records(6));
  SeenTurn done = turn();
  while (done.next == Next::kMore) done = turn();
  EXPECT_EQ(done.next, Next::kLinger);
  EXPECT_THAT(handler_.offsets(), ElementsAre(offsets(0, 4)));
}

TEST_F(LaneRunnerTest, ABatchFullOfBytesDoesNotLinger) {
  open({.max_bytes = 40, .linger = kNeverOver}, records(4));
  EXPECT_EQ(turn().done_to, 4);
  EXPECT_THAT(handler_.offsets(), ElementsAre(offsets(0, 4)));
}

TEST_F(LaneRunnerTest, ABatchRunsWhenItsLingerIsOver) {
  open({.linger = 300ms}, records(3));
  const TurnDone gathering = turn();
  ASSERT_EQ(gathering.next, Next::kLinger);
  std::this_thread::sleep_until(gathering.linger_until);
  EXPECT_EQ(turn().done_to, 3);
  EXPECT_THAT(handler_.offsets(), ElementsAre(offsets(0, 3)));
}

TEST_F(LaneRunnerTest, ARerunDoesNotLinger) {
  handler_.consume = but(3, retry());
  open({.max_records = 4, .linger = kNeverOver}, records(4));
  EXPECT_EQ(turn().next, Next::kFailed);
  handler_.consume = all_ok;
  EXPECT_EQ(turn(2).done_to, 4);
  EXPECT_EQ(handler_.batches.back(), (SeenBatch{{3}, 2}));
}

// ---- Outcomes -----------------------------------------------------------------------------------

TEST_F(LaneRunnerTest, TheGoodPrefixIsFinishedAndTheRestHeld) {
  moult_outcome outcome = retry();
  outcome.retry_after_ms = 1'500;
  outcome.error_code = -7;
  outcome.error = "no stock, and more";
  outcome.error_size = 8;
  handler_.consume = but(2, outcome);
  open(kWide, records(5));
  const SeenTurn done = turn();
  EXPECT_EQ(done.next, Next::kFailed);
  EXPECT_EQ(done.received, (OffsetRange{0, 5}));
  EXPECT_EQ(done.done_to, 2);
  EXPECT_EQ(done.failure.offset, 2);
  EXPECT_EQ(done.failure.retry_after, 1'500ms);
  EXPECT_EQ(done.failure.code, -7);
  EXPECT_EQ(done.failure.error, "no stock");
  EXPECT_EQ(done.end, std::nullopt) << "the end lies behind records that are held";
  handler_.consume = all_ok;
  turn(2);
  EXPECT_THAT(handler_.offsets(), ElementsAre(offsets(0, 5), offsets(2, 5)));
}

TEST_F(LaneRunnerTest, AFirstRecordThatFailedFinishesNothing) {
  handler_.consume = but(0, retry());
  open(kWide, records(3));
  const SeenTurn done = turn();
  EXPECT_EQ(done.next, Next::kFailed);
  EXPECT_EQ(done.received, (OffsetRange{0, 3}));
  EXPECT_EQ(done.done_to, std::nullopt);
  EXPECT_EQ(done.failure.offset, 0);
  EXPECT_EQ(done.failure.retry_after, 0ms) << "the handler's configured backoff";
  EXPECT_EQ(done.failure.error, "");
}

TEST_F(LaneRunnerTest, ARecordWithoutAnOutcomeFailed) {
  handler_.consume = [](const moult_batch& batch) {
    moult_outcome_at(&batch, 0)->code = MOULT_OK;
    moult_outcome_at(&batch, 1)->retry_after_ms = 1'500;  // counts with MOULT_RETRY alone
    moult_outcome_at(&batch, 2)->code = MOULT_OK;
    return true;
  };
  open(kWide, records(3));
  const SeenTurn done = turn();
  EXPECT_EQ(done.next, Next::kFailed);
  EXPECT_EQ(done.done_to, 1);
  EXPECT_EQ(done.failure.offset, 1);
  EXPECT_EQ(done.failure.retry_after, 0ms);
  EXPECT_EQ(done.failure.error, "the handler left this record without an outcome");
}

TEST_F(LaneRunnerTest, AConsumeThatFailedKeepsTheOutcomesItSet) {
  handler_.consume = [](const moult_batch& batch) {
    moult_outcome_at(&batch, 0)->code = MOULT_OK;
    return false;
  };
  open(kWide, records(3));
  const SeenTurn done = turn();
  EXPECT_EQ(done.next, Next::kFailed);
  EXPECT_EQ(done.done_to, 1);
  EXPECT_EQ(done.failure.offset, 1);
  EXPECT_EQ(done.failure.error, "the handler's consume failed");
}

TEST_F(LaneRunnerTest, AnErrorIsCutAt1024Bytes) {
  const std::string text(2'000, 'e');
  moult_outcome outcome = retry();
  outcome.error = text.data();
  outcome.error_size = static_cast<std::uint32_t>(text.size());
  handler_.consume = but(0, outcome);
  open(kWide, records(1));
  EXPECT_EQ(turn().failure.error, text.substr(0, 1'024));
}

TEST_F(LaneRunnerTest, AnUnknownOutcomeIsNotAcknowledged) {
  moult_outcome outcome = retry();
  outcome.code = 0xffff'ffff;
  handler_.consume = but(1, outcome);
  open(kWide, records(3));
  const SeenTurn done = turn();
  EXPECT_EQ(done.next, Next::kFailed);
  EXPECT_EQ(done.done_to, 1);
  EXPECT_EQ(done.failure.offset, 1);
}

// ---- Again --------------------------------------------------------------------------------------

TEST_F(LaneRunnerTest, ARerunReportsNothingAsReceivedTwice) {
  handler_.consume = but(2, retry());
  open(kWide, records(5));
  EXPECT_EQ(turn().received, (OffsetRange{0, 5}));
  handler_.consume = all_ok;
  const SeenTurn again = turn(2);
  EXPECT_TRUE(again.received.empty());
  EXPECT_EQ(again.done_to, 5);
  EXPECT_EQ(again.end, 5);
  EXPECT_EQ(handler_.batches.back(), (SeenBatch{{2, 3, 4}, 2}));
}

TEST_F(LaneRunnerTest, ARerunReportsWhatIsNewBehindTheFailedBatch) {
  handler_.consume = but(2, retry());
  open({.max_bytes = 50}, records(10));
  EXPECT_EQ(turn().received, (OffsetRange{0, 5}));
  handler_.consume = all_ok;
  const SeenTurn again = turn(2);
  EXPECT_EQ(again.received, (OffsetRange{5, 7}));
  EXPECT_EQ(again.done_to, 7);
  EXPECT_EQ(again.next, Next::kMore);
  EXPECT_EQ(handler_.batches.back(), (SeenBatch{offsets(2, 7), 2}));
}

TEST_F(LaneRunnerTest, ARerunIsOneBatchAndPullsNothing) {
  handler_.consume = but(1, retry());
  open({.max_records = 2}, records(10));
  turn();
  const std::size_t before = fetched();
  handler_.consume = all_ok;
  const SeenTurn again = turn(2);
  EXPECT_EQ(fetched(), before);
  EXPECT_EQ(again.next, Next::kMore) << "nobody looked into the queue, and its event is spent";
  EXPECT_EQ(handler_.offsets(), (Batches{{0, 1}, {1}}));
}

/// Fails without a word for which record.
bool fails_with_x(const moult_batch& batch) {
  for (std::uint32_t i = 0; i < batch.record_count; ++i) {
    if (moult_record_at(&batch, i)->value[0] == 'x') return false;
  }
  return all_ok(batch);
}

TEST_F(LaneRunnerTest, ABatchThatFailedAsAWholeComesAgainOneByOne) {
  settings_.give_up = {1, GiveUp::kSkip};
  handler_.consume = fails_with_x;
  open({.max_records = 5}, {"a", "b", "x", "c", "d", "e", "f"});
  const SeenTurn first = turn();
  EXPECT_EQ(first.next, Next::kFailed);
  EXPECT_EQ(first.failure.offset, 0);
  EXPECT_EQ(counters_.skipped, 0U) << "nobody knows which one is at fault";
  turn(2);
  drain();
  EXPECT_THAT(handler_.offsets(),
              ElementsAre(offsets(0, 5), offsets(0, 1), offsets(1, 2), offsets(2, 3), offsets(3, 4),
                          offsets(4, 5), offsets(5, 7)));
  EXPECT_EQ(counters_.skipped, 1U);
  EXPECT_EQ(counters_.records, 7U);
}

TEST_F(LaneRunnerTest, OffsetsThatGoBackBehindARerunAreAnotherTurns) {
  handler_.consume = but(0, retry());
  open(kWide, records(5));
  EXPECT_EQ(turn().received, (OffsetRange{0, 5}));
  go_back(2, 3);
  handler_.consume = all_ok;
  swap_generation();  // attempts are counted anew, so the turn pulls
  const SeenTurn before = turn();
  EXPECT_TRUE(before.received.empty());
  EXPECT_EQ(before.done_to, 5);
  EXPECT_EQ(before.next, Next::kMore);
  EXPECT_EQ(turn().received, (OffsetRange{2, 5}));
}

// ---- Held back ----------------------------------------------------------------------------------

TEST_F(LaneRunnerTest, ATurnThatIsHeldBackTakesNothing) {
  open(kWide, records(5));
  const std::size_t before = fetched();
  lane_->hold_back(true);
  const SeenTurn done = turn();
  EXPECT_EQ(done.next, Next::kMore);
  EXPECT_EQ(fetched(), before);
  EXPECT_THAT(handler_.batches, IsEmpty());
  lane_->hold_back(false);
  EXPECT_EQ(turn().done_to, 5);
}

TEST_F(LaneRunnerTest, ARerunThatIsHeldBackIsStillOne) {
  handler_.consume = but(0, retry());
  open(kWide, records(2));
  turn();
  lane_->hold_back(true);
  EXPECT_EQ(turn(2).next, Next::kMore);
  EXPECT_EQ(handler_.batches.size(), 1U);
}

// ---- An instance's life, and what is told of it -------------------------------------------------

TEST_F(LaneRunnerTest, TheRunningBatchCanBeSeen) {
  OffsetRange running;
  bool timed = false;
  handler_.consume = [&](const moult_batch& batch) {
    std::this_thread::sleep_for(1ms);
    running = behind_taken(lane_->running());
    timed = lane_->running_for() >= 1ms;
    return all_ok(batch);
  };
  open({.max_records = 3}, records(3));
  turn();
  EXPECT_EQ(running, (OffsetRange{0, 3}));
  EXPECT_TRUE(timed);
  EXPECT_TRUE(lane_->running().empty());
  EXPECT_EQ(lane_->running_for(), 0ms);
}

TEST_F(LaneRunnerTest, CountsWhatItDid) {
  handler_.consume = but(2, retry());
  open(kWide, records(5));
  turn();
  handler_.consume = all_ok;
  turn(2);
  EXPECT_EQ(counters_.lanes, 1U);
  EXPECT_EQ(counters_.batches, 2U);
  EXPECT_EQ(counters_.failures, 1U);
  EXPECT_EQ(counters_.records, 5U);
  EXPECT_NE(counters_.first_batch_at, 0);
  EXPECT_GT(counters_.last_batch_at, counters_.first_batch_at);
}

TEST_F(LaneRunnerTest, AnInstanceThatCantBeMadeIsAnAnswer) {
  open(kWide, {});
  handler_.can_create = false;
  EXPECT_FALSE(new_lane(kWide)->create().ok);
  EXPECT_EQ(counters_.failures, 1U);
}

TEST_F(LaneRunnerTest, TheEndLetsGoOfTheInstanceAndItsRecords) {
  handler_.consume = but(0, retry());
  open(kWide, records(5));
  turn();
  EXPECT_EQ(lane_->held(), 5U);
  EXPECT_EQ(lane_->end(EndReason::kRevoked, Clock::now()).lane, LaneId{1});
  EXPECT_THAT(handler_.calls, ElementsAre("assigned", "revoked for 1", "destroyed"));
  EXPECT_EQ(lane_->held(), 0U);
}

}  // namespace
}  // namespace moult
