// Handlers that fail: their records come again, in order, and nobody else waits for them.
#include <algorithm>
#include <csignal>
#include <string>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

using ::testing::ElementsAre;

class Failing : public OneGroup {
 protected:
  /// Batches of ten as they were sent, and short backoffs.
  DaemonSpec failing(const Properties& settings) const {
    DaemonSpec daemon = spec(settings);
    daemon.consumers[0].handlers[0].options["batch"] = "{max_records: 10, linger: 500ms}";
    daemon.consumers[0].handlers[0].options["retry"] = "{backoff: 50ms, backoff_max: 200ms}";
    return daemon;
  }

  std::vector<Offset> offsets(Event event) {
    std::vector<Offset> found;
    for (const Entry& entry : of_event(ledger_.read(), event)) found.push_back(entry.offset);
    return found;
  }

  /// From the end of each batch to the begin of the next.
  std::vector<Duration> waits() {
    std::vector<Duration> found;
    std::int64_t ended = 0;
    for (const Entry& entry : ledger_.read()) {
      if (entry.event == Event::kEnd) ended = entry.end_ns;
      if (entry.event == Event::kBegin && ended != 0) {
        found.emplace_back(entry.start_ns - ended);
      }
    }
    return found;
  }

  void expect_handled_once() {
    expect_complete();
    expect_no_duplicates();
  }
};

TEST_F(Failing, E1_AFailingLaneDelaysNoOther) {
  make_topic(2);
  producer_.send({.topic = topic_, .partition = 0});
  producer_.flush();
  DaemonSpec one_worker =
      spec({{"fail_offset", "0"}, {"fail_partition", "0"}, {"fail_times", "0"}});
  handler(one_worker).options["workers"] = "1";
  handler(one_worker).options["retry"] = "{backoff: 30s, backoff_max: 30s}";
  const auto daemon = start(one_worker);
  ASSERT_TRUE(ledger_.wait_count(Event::kFailed, 1, kLong));
  for (int i = 0; i < 1'000; ++i) producer_.send({.topic = topic_, .partition = 1});
  producer_.flush();
  ASSERT_TRUE(ledger_.wait_handled(1'000, kLong));
  // A worker that waited for the failing lane would come 15 s later at the earliest.
  const std::int64_t failed = of_event(ledger_.read(), Event::kFailed).front().end_ns;
  const std::int64_t last = of_event(ledger_.read(), Event::kRecord).back().end_ns;
  EXPECT_LT(Duration(last - failed), seconds(10));
  stop_cleanly(*daemon);
  EXPECT_EQ(admin_.committed(group_), (OffsetsByPartition{{{topic_, 0}, 0}, {{topic_, 1}, 1'000}}));
  for (const Entry& entry : of_event(ledger_.read(), Event::kRecord)) {
    ASSERT_EQ(entry.partition().partition, 1);
  }
}

TEST_F(Failing, E2_ARetryResumesAtTheFirstUnfinishedRecord) {
  make_topic(1);
  send(10);
  const auto daemon = start(failing({{"fail_offset", "4"}, {"fail_times", "2"}}));
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  EXPECT_THAT(offsets(Event::kBegin), ElementsAre(0, 4, 4));
  EXPECT_THAT(offsets(Event::kFailed), ElementsAre(4, 4));
  EXPECT_THAT(offsets(Event::kRecord), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  const Entries handled = of_event(ledger_.read(), Event::kRecord);
  EXPECT_EQ(handled[4].attempt, 3);
  EXPECT_EQ(handled[5].attempt, 1) << "it had not been tried before";
  expect_handled_once();
}

TEST_F(Failing, E3_TheBackoffGrowsAndIsCapped) {
  constexpr milliseconds kCap{3'000};
  make_topic(1);
  send(1);
  DaemonSpec growing = spec({{"fail_offset", "0"}, {"fail_times", "8"}});
  handler(growing).options["retry"] = "{backoff: 100ms, backoff_max: 3s}";
  const auto daemon = start(growing);
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  const std::vector<Duration> between = waits();
  ASSERT_THAT(between, SizeIs(8));
  // Each wait is between half of its full length and all of it. If all were as long as the longest,
  // the first would be 1.5 s at least; uncapped the last would be 6.4 s at least.
  milliseconds full(100);
  for (std::size_t i = 0; i < between.size(); ++i, full = std::min(2 * full, kCap)) {
    EXPECT_GE(between[i], full / 2) << i;
  }
  EXPECT_LT(between.front(), milliseconds(1'500));
  EXPECT_LT(between.back(), milliseconds(6'400));
  expect_handled_once();
}

TEST_F(Failing, E4_AFailedRecordComesAgainAfterAKillThoughLaterOnesWereHandled) {
  make_topic(1);
  send(10);
  const auto victim =
      start(failing({{"fail_offset", "3"}, {"fail_times", "0"}, {"fail_goes_on", "true"}}));
  ASSERT_TRUE(ledger_.wait_handled(9, kLong));
  ASSERT_TRUE(ledger_.wait_count(Event::kFailed, 3, kLong));
  ASSERT_TRUE(eventually([&] { return admin_.committed(group_).contains({topic_, 0}); }, kLong));
  victim->signal(SIGKILL);
  ASSERT_EQ(victim->wait_exit(kLong), -SIGKILL);
  EXPECT_EQ(admin_.committed(group_), (OffsetsByPartition{{{topic_, 0}, 3}}));
  const auto heir = start(spec());
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  stop_cleanly(*heir);
  EXPECT_EQ(of_event(of_pid(ledger_.read(), heir->pid()), Event::kRecord).front().offset, 3);
  EXPECT_THAT(missing(producer_.produced(), ledger_.read()), IsEmpty());
  EXPECT_EQ(admin_.lag(group_, {topic_}), 0);
}

TEST_F(Failing, E6_TheFirstAndTheLastRecordOfABatchMayBeBroken) {
  make_topic(1);
  send(10);
  const auto daemon = start(failing({{"fail_offset", "0"}, {"throw_offset", "9"}}));
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  const Entries begun = of_event(ledger_.read(), Event::kBegin);
  ASSERT_THAT(begun, SizeIs(3));
  EXPECT_EQ(begun[0].detail, "9") << "the test wants all ten in one batch";
  EXPECT_THAT(offsets(Event::kBegin), ElementsAre(0, 0, 9));
  EXPECT_THAT(offsets(Event::kFailed), ElementsAre(0, 9));
  expect_handled_once();
}

TEST_F(Failing, E12_AnExceptionIsARetryWithItsWhat) {
  make_topic(1);
  send(10);
  const auto daemon = start(failing({{"throw_offset", "5"}, {"fail_times", "2"}}));
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  EXPECT_EQ(daemon->log_count("told to throw by throw_offset"), 2U);
  EXPECT_THAT(offsets(Event::kBegin), ElementsAre(0, 5, 5));
  expect_handled_once();
}

}  // namespace
}  // namespace moult::testing
