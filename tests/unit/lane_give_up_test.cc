// Records that a lane gives up, and what a handler produces, against a real broker.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/lane_fixture.h"

namespace moult {
namespace {

using Next = TurnDone::Next;
using ::testing::ElementsAre;

std::vector<std::string> objects(std::size_t count) {
  return std::vector<std::string>(count, "{}");
}

class LaneGiveUpTest : public LaneTest {
 protected:
  void dead_letters_to(const std::string& topic, std::uint32_t max_attempts = 1) {
    settings_.give_up = {max_attempts, GiveUp::kDeadLetter};
    settings_.dead_letter_topic = topic;
  }

  /// Not the lane's own: it would read its dead letters, sooner or later.
  static std::string letters() {
    std::string topic = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    topic += ".letters";
    EXPECT_TRUE(broker().create_topic(topic, 1).has_value());
    return topic;
  }

  /// A dead letter is not delivered, and the next generation gives its record up as `policy` says,
  /// with a handler that is mended.
  void reload_with_undelivered(const GiveUpPolicy& policy) {
    dead_letters_to(std::string(1'000, 'x'));  // no topic can have this name
    outcome_at(1, MOULT_DEAD_LETTER);
    open(kWide, objects(4));
    EXPECT_EQ(turn().next, Next::kFailed);
    settings_.give_up = policy;
    outcome_at(1, MOULT_OK);
    swap_generation();
    drain();
  }

  /// No acknowledgement comes before its turn has begun to wait for it.
  class SlowAnswers {
   public:
    SlowAnswers() { broker().answer_after(Milliseconds(200)); }
    ~SlowAnswers() { broker().answer_after(Milliseconds(0)); }
    SlowAnswers(const SlowAnswers&) = delete;
    SlowAnswers& operator=(const SlowAnswers&) = delete;
  };

  /// Gives one record of a batch an outcome, by its offset as tests count them.
  void outcome_at(Offset offset, std::uint32_t code) {
    handler_.consume = [offset, code](const moult_batch& batch) {
      moult_all_ok(&batch);
      for (std::uint32_t i = 0; i < batch.record_count; ++i) {
        if (moult_record_at(&batch, i)->offset == offset + kTaken) {
          moult_outcome_at(&batch, i)->code = code;
        }
      }
      return true;
    };
  }
};

TEST_F(LaneGiveUpTest, ADeadLetterIsFinishedOnceItIsAcknowledged) {
  dead_letters_to(letters());
  outcome_at(1, MOULT_DEAD_LETTER);
  open(kWide, objects(3));
  const SlowAnswers slow;
  const SeenTurn done = turn();
  EXPECT_EQ(waits_, 1U) << "the turn left its worker until the broker had the copy";
  EXPECT_EQ(done.done_to, 3);
  EXPECT_EQ(counters_.dead_letters, 1U);
  EXPECT_EQ(counters_.records, 3U);
}

TEST_F(LaneGiveUpTest, AttemptsUsedUpAreADeadLetter) {
  dead_letters_to(letters(), 2);
  outcome_at(0, MOULT_RETRY);
  open(kWide, objects(2));
  EXPECT_EQ(turn().next, Next::kFailed);
  const SeenTurn second = turn(2);
  EXPECT_EQ(second.done_to, 1);
  EXPECT_EQ(second.next, Next::kMore) << "what follows it is held";
  EXPECT_EQ(counters_.dead_letters, 1U);
  const SeenTurn third = turn(1);
  EXPECT_EQ(third.done_to, 2);
  EXPECT_TRUE(third.received.empty()) << "it was reported with the first batch";
}

TEST_F(LaneGiveUpTest, ADeadLetterThatIsNotDeliveredIsSentAgainWithoutTheHandler) {
  dead_letters_to(std::string(1'000, 'x'));  // no topic can have this name
  outcome_at(1, MOULT_DEAD_LETTER);
  open(kWide, objects(4));
  const SeenTurn first = turn();
  EXPECT_EQ(first.next, Next::kFailed);
  EXPECT_EQ(first.failure.offset, 1);
  EXPECT_EQ(first.done_to, 1);
  EXPECT_EQ(handler_.batches.size(), 1U);
  EXPECT_EQ(turn(2).next, Next::kFailed);
  EXPECT_EQ(handler_.batches.size(), 1U) << "no handler is asked again";
  settings_.dead_letter_topic = letters();
  swap_generation();
  const SeenTurn last = turn();
  EXPECT_EQ(last.done_to, 4) << "the others of its batch were done with";
  EXPECT_EQ(handler_.batches.size(), 1U);
  EXPECT_EQ(counters_.dead_letters, 1U);
}

TEST_F(LaneGiveUpTest, WhatHasNoDeadLetterAnyMoreTheNextHandlerSees) {
  reload_with_undelivered({0, GiveUp::kNever});
  EXPECT_THAT(handler_.offsets(), ElementsAre(ElementsAre(0, 1, 2, 3), ElementsAre(1)))
      << "the others of its batch were done with";
  EXPECT_EQ(counters_.records, 4U);
}

TEST_F(LaneGiveUpTest, WhatIsToStopTheLaneNowTheNextHandlerSeesBefore) {
  reload_with_undelivered({1, GiveUp::kStop});
  EXPECT_THAT(handler_.offsets(), ElementsAre(ElementsAre(0, 1, 2, 3), ElementsAre(1)));
  EXPECT_EQ(counters_.records, 4U);
}

TEST_F(LaneGiveUpTest, WhatIsTooLargeForADeadLetterTheMendedHandlerSees) {
  dead_letters_to(letters());
  producing_["message.max.bytes"] = "1000";
  outcome_at(1, MOULT_DEAD_LETTER);
  open(kWide, {"{}", std::string(2'000, 'x'), "{}"});
  EXPECT_EQ(turn().next, Next::kFailed);
  EXPECT_EQ(turn(2).next, Next::kStopped) << "nor does it fit with fewer headers";
  outcome_at(1, MOULT_OK);
  swap_generation();
  drain();
  EXPECT_THAT(handler_.offsets(), ElementsAre(ElementsAre(0, 1, 2), ElementsAre(1)));
  EXPECT_EQ(counters_.records, 3U);
}

TEST_F(LaneGiveUpTest, OnProbationWhatWouldBeGivenUpWaitsForTheGenerationBefore) {
  dead_letters_to(letters());
  outcome_at(1, MOULT_DEAD_LETTER);
  open(kWide, objects(4));
  generations_.back().set_on_probation(true);
  const SeenTurn tried = turn();
  EXPECT_EQ(tried.next, Next::kFailed);
  EXPECT_EQ(tried.failure.offset, 1);
  EXPECT_EQ(tried.done_to, 1);
  EXPECT_EQ(waits_, 0U) << "no dead letter";
  EXPECT_EQ(generations_.back().tally().failed, 1U);
  outcome_at(1, MOULT_OK);
  swap_generation();
  drain();
  EXPECT_THAT(handler_.offsets(), ElementsAre(ElementsAre(0, 1, 2, 3), ElementsAre(1)))
      << "what was handled behind it is not handled again";
  EXPECT_EQ(counters_.records, 4U);
  EXPECT_EQ(counters_.dead_letters, 0U);
}

TEST_F(LaneGiveUpTest, OnProbationAttemptsAreNotUsedUp) {
  settings_.give_up = {1, GiveUp::kSkip};
  outcome_at(0, MOULT_RETRY);
  open(kWide, objects(2));
  generations_.back().set_on_probation(true);
  EXPECT_EQ(turn().next, Next::kFailed) << "though its attempts are used up";
  EXPECT_EQ(counters_.skipped, 0U);
  generations_.back().set_on_probation(false);
  EXPECT_EQ(turn(2).done_to, 1);
  EXPECT_EQ(counters_.skipped, 1U);
}

TEST_F(LaneGiveUpTest, WhatIsNoJsonForOneGenerationTheNextMayHandle) {
  settings_.where = *route::Where::parse("/n == 1");
  open(kWide, {"no JSON"});
  EXPECT_EQ(turn().next, Next::kFailed);
  settings_.where.reset();
  swap_generation();
  EXPECT_EQ(turn().done_to, 1);
  EXPECT_THAT(handler_.offsets(), ElementsAre(ElementsAre(0)));
}

TEST_F(LaneGiveUpTest, OnProbationARecordThatFailsAgainCountsOnce) {
  outcome_at(0, MOULT_RETRY);
  open(kWide, objects(1));
  turn();
  turn(2);
  EXPECT_EQ(generations_.back().tally().failed, 1U);
  EXPECT_EQ(generations_.back().tally().batches, 1U);
}

TEST_F(LaneGiveUpTest, ASkippedRecordIsFinishedAndCounted) {
  settings_.give_up = {1, GiveUp::kSkip};
  outcome_at(0, MOULT_RETRY);
  open(kWide, objects(2));
  EXPECT_EQ(turn().done_to, 2);
  EXPECT_EQ(counters_.skipped, 1U);
  EXPECT_EQ(waits_, 0U);
}

TEST_F(LaneGiveUpTest, AFatalOutcomeStopsTheLane) {
  outcome_at(1, MOULT_FATAL);
  open(kWide, objects(3));
  const SeenTurn done = turn();
  EXPECT_EQ(done.next, Next::kStopped);
  EXPECT_EQ(done.failure.offset, 1);
  EXPECT_EQ(done.done_to, 1);
}

TEST_F(LaneGiveUpTest, AHandlerSeesOnlyWhatMatches) {
  settings_.where = *route::Where::parse("/n != 2");
  open(kWide, {R"({"n":1})", R"({"n":2})", R"({"n":3})", R"({"n":2})"});
  EXPECT_EQ(turn().done_to, 4);
  EXPECT_THAT(handler_.offsets(), ElementsAre(ElementsAre(0, 2)));
  EXPECT_EQ(counters_.filtered, 2U);
}

TEST_F(LaneGiveUpTest, NothingThatMatchesIsNoCall) {
  settings_.where = *route::Where::parse("/n == 9");
  open(kWide, {R"({"n":1})", R"({"n":2})"});
  EXPECT_EQ(turn().done_to, 2);
  EXPECT_EQ(handler_.batches.size(), 0U);
}

TEST_F(LaneGiveUpTest, WhatIsNotJsonIsADeadLetterThatNoHandlerSees) {
  dead_letters_to(letters(), 4);
  settings_.where = *route::Where::parse("/n exists");
  open(kWide, {R"({"n":1})", "not json", R"({"n":3})"});
  SeenTurn done = turn();
  while (done.next == Next::kMore) done = turn();
  EXPECT_THAT(handler_.offsets(), ElementsAre(ElementsAre(0), ElementsAre(2)));
  EXPECT_EQ(counters_.dead_letters, 1U);
  EXPECT_EQ(counters_.records, 3U);
}

TEST_F(LaneGiveUpTest, WhatIsNotJsonWaitsWhereNothingIsGivenUp) {
  settings_.where = *route::Where::parse("/n exists");
  open(kWide, {"not json", R"({"n":3})"});
  const SeenTurn done = turn();
  EXPECT_EQ(done.next, Next::kFailed);
  EXPECT_EQ(done.failure.offset, 0);
  EXPECT_EQ(handler_.batches.size(), 0U);
}

class LaneProduceTest : public LaneGiveUpTest {
 protected:
  /// Produces one message for each record of the batch.
  void produce_to(const std::string& topic, std::uint32_t flags) {
    handler_.consume = [this, topic, flags](const moult_batch& batch) {
      moult_all_ok(&batch);
      moult_message message{};
      message.struct_size = sizeof message;
      message.flags = flags;
      message.topic = topic.data();
      message.topic_size = static_cast<std::uint32_t>(topic.size());
      message.tied_offset = moult_record_at(&batch, 1)->offset;
      answer_ = lane_->produce(message);
      return true;
    };
  }

  std::int32_t answer_ = -1;
};

TEST_F(LaneProduceTest, ATiedMessageHoldsItsBatchUntilItIsAcknowledged) {
  settings_.topic_prefix = "ATiedMessageHolds";
  produce_to("ItsBatchUntilItIsAcknowledged", MOULT_PRODUCE_TIED);
  open(kWide, objects(3));
  const SlowAnswers slow;
  EXPECT_EQ(turn().done_to, 3);
  EXPECT_EQ(answer_, MOULT_SUCCESS);
  EXPECT_EQ(waits_, 1U);
  EXPECT_EQ(counters_.produced, 1U) << "to the topic with its prefix, which exists";
}

TEST_F(LaneProduceTest, ATiedMessageThatIsNotTakenFailsItsRecord) {
  produce_to(std::string(1'000, 'x'), MOULT_PRODUCE_TIED);  // no topic can have this name
  open(kWide, objects(3));
  const SeenTurn done = turn();
  EXPECT_EQ(answer_, MOULT_PRODUCE_REFUSED);
  EXPECT_EQ(done.next, Next::kFailed);
  EXPECT_EQ(done.failure.offset, 1);
  EXPECT_EQ(done.done_to, 1);
  EXPECT_EQ(counters_.undelivered, 1U);
}

TEST_F(LaneProduceTest, WhoGivesARecordUpNeedNotDeliverForIt) {
  settings_.give_up = {1, GiveUp::kSkip};
  produce_to(std::string(1'000, 'x'), MOULT_PRODUCE_TIED);
  const auto produces = handler_.consume;
  handler_.consume = [produces](const moult_batch& batch) {
    produces(batch);
    moult_outcome_at(&batch, 1)->code = MOULT_SKIP;
    return true;
  };
  open(kWide, objects(3));
  EXPECT_EQ(turn().done_to, 3);
  EXPECT_EQ(counters_.skipped, 1U);
}

TEST_F(LaneProduceTest, WhatAThreadProducesWhileItsCallReturnsCostsNoDeadLetter) {
  dead_letters_to(letters());
  std::vector<std::jthread> threads;
  handler_.consume = [&](const moult_batch& batch) {
    moult_outcome_at(&batch, 0)->code = MOULT_DEAD_LETTER;
    threads.emplace_back([this, offset = moult_record_at(&batch, 0)->offset] {
      moult_message message{};
      message.struct_size = sizeof message;
      message.flags = MOULT_PRODUCE_TIED;
      message.topic = settings_.dead_letter_topic.data();
      message.topic_size = static_cast<std::uint32_t>(settings_.dead_letter_topic.size());
      message.tied_offset = offset;
      lane_->produce(message);  // or it comes too late
    });
    return true;
  };
  open({.max_records = 1}, objects(20));
  drain();
  EXPECT_EQ(counters_.dead_letters, 20U);
}

TEST_F(LaneProduceTest, ATiedMessageOutsideOfABatchIsRefused) {
  open(kWide, objects(2));
  drain();
  moult_message message{};
  message.struct_size = sizeof message;
  message.flags = MOULT_PRODUCE_TIED;
  message.topic = "t";
  message.topic_size = 1;
  EXPECT_EQ(lane_->produce(message), MOULT_PRODUCE_NOT_NOW);
}

TEST_F(LaneProduceTest, AnOlderAndSmallerMessageIsRefused) {
  open(kWide, objects(2));
  moult_message message{};
  message.struct_size = 8;
  EXPECT_EQ(lane_->produce(message), MOULT_PRODUCE_REFUSED);
}

}  // namespace
}  // namespace moult
