// What becomes of a record that its handler can't handle.
#include <csignal>
#include <regex>
#include <string>

#include "tests/kafka/dead_letter_fixture.h"

namespace moult::testing {
namespace {

using ::testing::ElementsAre;

class GivingUp : public DeadLetters {
 protected:
  static std::string status_of(const Daemon& daemon) {
    return run_moult({"status", "--config", daemon.config().string()}).out;
  }

  /// Whether the status has the topic's partition 0 in its backoff, after eight failures or more.
  bool waits(const std::string& status) const {
    std::smatch lane;
    const std::regex line(topic_ + "\\[0\\] +backoff +ledger .* ([0-9]+)\n");
    return std::regex_search(status, lane, line) && std::stoi(lane[1]) >= 8;
  }
};

TEST_F(GivingUp, E5_WithOneAttemptARecordIsADeadLetterAtOnce) {
  make_topics(2);
  send(20);
  DaemonSpec once = giving_up({{"fail_offset", "4"}, {"fail_partition", "1"}, {"fail_times", "0"}});
  handler(once).options["retry"] = "{max_attempts: 1, backoff: 1h, backoff_max: 1h}";
  const auto daemon = start(once);
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  EXPECT_THAT(offsets(Event::kFailed), ElementsAre(4));
  EXPECT_EQ(dead_ids(), ids(1, {4}));
  const auto letters = dead_letters();
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(letters[0].header("moult-attempts"), "1");
  expect_handled_or(ids(1, {4}));
}

TEST_F(GivingUp, E6_TheFirstAndTheLastRecordOfABatchMayBeDead) {
  make_topics(1);
  send(10);
  const auto daemon =
      start(giving_up({{"fail_offset", "0"}, {"throw_offset", "9"}, {"fail_times", "0"}}));
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  const Entries begun = of_event(ledger_.read(), Event::kBegin);
  ASSERT_FALSE(begun.empty());
  EXPECT_EQ(begun[0].detail, "9") << "the test wants all ten in one batch";
  EXPECT_THAT(offsets(Event::kFailed), ElementsAre(0, 0, 9, 9));
  EXPECT_THAT(offsets(Event::kBegin), ElementsAre(0, 0, 1, 9));
  EXPECT_EQ(dead_ids(), ids(0, {0, 9}));
  EXPECT_THAT(dead_letters(), SizeIs(2));
  expect_handled_or(ids(0, {0, 9}));
}

TEST_F(GivingUp, E7_ADeadLetterAtTheEndIsNotReplayedAfterARestart) {
  make_topics(1);
  send(10);
  const DaemonSpec failing = giving_up({{"fail_offset", "9"}, {"fail_times", "0"}});
  const auto first = start(failing);
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*first);
  EXPECT_EQ(admin_.committed(group_), (OffsetsByPartition{{{topic_, 0}, 10}}));
  const auto second = start(failing);
  send(1);
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*second);
  const Entries after = of_pid(ledger_.read(), second->pid());
  EXPECT_THAT(of_event(after, Event::kFailed), IsEmpty());
  ASSERT_THAT(of_event(after, Event::kRecord), SizeIs(1));
  EXPECT_EQ(of_event(after, Event::kRecord)[0].offset, 10);
  EXPECT_THAT(dead_letters(), SizeIs(1));
  expect_handled_or(ids(0, {9}));
}

TEST_F(GivingUp, E14_AHandlerThatFailsEverythingIsLeftAloneForAWhile) {
  make_topic(1);
  send(100);
  DaemonSpec failing = spec({{"fail_all", "true"}, {"fail_times", "0"}});
  handler(failing).options["retry"] = "{backoff: 100ms, backoff_max: 400ms}";
  const auto daemon = start(failing);
  ASSERT_TRUE(ledger_.wait_count(Event::kFailed, 8, kLong));
  std::string status;
  EXPECT_TRUE(eventually([&] { return waits(status = status_of(*daemon)); }, kLong)) << status;
  // A stop in the middle of an attempt would leave its failure unsaid.
  daemon->signal(SIGTSTP);
  ASSERT_TRUE(daemon->wait_log("quiet:", kLong));
  const auto all_said = [&] {
    return ledger_.count(Event::kEnd) == ledger_.count(Event::kBegin) &&
           daemon->log_count("record failed, its lane waits") == ledger_.count(Event::kFailed);
  };
  EXPECT_TRUE(eventually(all_said, kLong));
  stop_cleanly(*daemon);
  const Entries attempts = of_event(ledger_.read(), Event::kFailed);
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    EXPECT_EQ(attempts[i].offset, 0) << "nothing behind it is tried";
    EXPECT_EQ(attempts[i].attempt, static_cast<int>(i) + 1);
    // Half of each backoff is sure: 50 ms, 100 ms and then 200 ms.
    if (i < 1) continue;
    const milliseconds least(i == 1 ? 50 : i == 2 ? 100 : 200);
    EXPECT_GE(Duration(attempts[i].start_ns - attempts[i - 1].end_ns), least) << i;
  }
  EXPECT_EQ(daemon->log_count("record failed, its lane waits"), attempts.size());
  EXPECT_EQ(admin_.committed(group_), (OffsetsByPartition{{{topic_, 0}, 0}}));
}

// ---- What a configuration may say instead of a topic --------------------------------------------

TEST_F(GivingUp, SkipFinishesTheRecordAndSaysSo) {
  make_topic(1);
  send(10);
  DaemonSpec skipping = giving_up({{"fail_offset", "4"}, {"fail_times", "0"}});
  handler(skipping).options["dead_letter"] = "skip";
  const auto daemon = start(skipping);
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  EXPECT_THAT(offsets(Event::kFailed), ElementsAre(4, 4));
  EXPECT_EQ(daemon->log_count("record skipped"), 1U);
  EXPECT_EQ(daemon->log_count("offset=4 attempt=2 code=7"), 1U);
  expect_handled_or(ids(0, {4}));
}

TEST_F(GivingUp, StopStopsTheLaneAloneAndNothingBehindItIsLost) {
  make_topic(2);
  send(20);
  DaemonSpec stopping =
      giving_up({{"fail_offset", "4"}, {"fail_partition", "0"}, {"fail_times", "0"}});
  handler(stopping).options["dead_letter"] = "stop";
  const auto daemon = start(stopping);
  ASSERT_TRUE(daemon->wait_log("lane stopped", kLong));
  ASSERT_TRUE(daemon->wait_log("not ready", kLong));
  send(20);
  ASSERT_TRUE(wait_committed({{{topic_, 0}, 4}, {{topic_, 1}, 20}}));
  EXPECT_THAT(handled(0), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(ledger_.count(Event::kFailed), 2U);
  stop_cleanly(*daemon);
  EXPECT_EQ(admin_.committed(group_), (OffsetsByPartition{{{topic_, 0}, 4}, {{topic_, 1}, 20}}));
  const auto mended = start(spec());
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*mended);
  expect_handled_or({});
}

// ---- What a handler may say itself --------------------------------------------------------------

TEST_F(GivingUp, AHandlersDeadLetterNeedsNoAttempts) {
  make_topics(1);
  send(10);
  const auto daemon =
      start(giving_up({{"fail_offset", "4"}, {"fail_times", "0"}, {"fail_as", "dead_letter"}}));
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  EXPECT_THAT(offsets(Event::kBegin), ElementsAre(0)) << "what is behind it went on";
  EXPECT_EQ(dead_ids(), ids(0, {4}));
  expect_handled_or(ids(0, {4}));
}

TEST_F(GivingUp, AHandlersSkipIsNoDeadLetter) {
  make_topics(1);
  send(10);
  const auto daemon =
      start(giving_up({{"fail_offset", "4"}, {"fail_times", "0"}, {"fail_as", "skip"}}));
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  EXPECT_EQ(daemon->log_count("record skipped"), 1U);
  EXPECT_THAT(dead_letters(), IsEmpty());
  expect_handled_or(ids(0, {4}));
}

TEST_F(GivingUp, AHandlersStopStopsItsLaneThoughThereIsADeadLetterTopic) {
  make_topics(2);
  send(20);
  const auto daemon = start(giving_up(
      {{"fail_offset", "4"}, {"fail_partition", "0"}, {"fail_times", "0"}, {"fail_as", "stop"}}));
  ASSERT_TRUE(daemon->wait_log("lane stopped", kLong));
  ASSERT_TRUE(wait_committed({{{topic_, 0}, 4}, {{topic_, 1}, 10}}));
  stop_cleanly(*daemon);
  EXPECT_THAT(offsets(Event::kFailed), ElementsAre(4));
  EXPECT_THAT(dead_letters(), IsEmpty());
  const auto mended = start(spec());
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*mended);
  expect_handled_or({});
}

TEST_F(GivingUp, AThrownFatalStopsTheLane) {
  make_topics(1);
  send(10);
  const auto daemon =
      start(giving_up({{"throw_offset", "4"}, {"fail_times", "0"}, {"throw_as", "fatal"}}));
  ASSERT_TRUE(daemon->wait_log("lane stopped", kLong));
  ASSERT_TRUE(wait_committed({{{topic_, 0}, 4}}));
  stop_cleanly(*daemon);
  EXPECT_THAT(offsets(Event::kFailed), ElementsAre(4));
  EXPECT_THAT(dead_letters(), IsEmpty());
}

TEST_F(GivingUp, AThrownDeadLetterTakesItsRecordAlone) {
  make_topics(1);
  send(10);
  DaemonSpec once =
      giving_up({{"throw_offset", "4"}, {"fail_times", "0"}, {"throw_as", "dead_letter"}});
  handler(once).options["retry"] = "{max_attempts: 1, backoff: 1h, backoff_max: 1h}";
  const auto daemon = start(once);
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  EXPECT_EQ(dead_ids(), ids(0, {4})) << "the handler never saw what is behind it";
  expect_handled_or(ids(0, {4}));
}

}  // namespace
}  // namespace moult::testing
