// A batch that takes longer than its handler may.
#include <fmt/format.h>

#include <string>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

using ::testing::HasSubstr;

class Deadline : public OneGroup {
 protected:
  /// Partition 1 hangs at offset 5 of a batch of ten.
  DaemonSpec hanging(Properties settings) const {
    settings.merge(Properties{{"hang_on_offset", "5"}, {"fail_partition", "1"}});
    DaemonSpec daemon = spec(settings);
    daemon.options["revoke_deadline"] = "2s";
    handler(daemon).options["batch"] = "{max_records: 10, linger: 500ms}";
    handler(daemon).options["retry"] = "{backoff: 50ms, backoff_max: 50ms}";
    handler(daemon).options["deadline"] = "1s";
    return daemon;
  }

  void send_ten_to(std::int32_t partition) {
    for (int i = 0; i < 10; ++i) producer_.send({.topic = topic_, .partition = partition});
    producer_.flush();
  }

  std::string build_id(const Daemon& daemon) const {
    constexpr std::string_view kLabel = "build id ";
    const Finished check = run_moult({"check", "--config", daemon.config().string()});
    const std::size_t at = check.out.find(kLabel) + kLabel.size();
    return check.out.substr(at, check.out.find_first_not_of("0123456789abcdef", at) - at);
  }

  void expect_reported(const Daemon& daemon) {
    ASSERT_TRUE(daemon.wait_log("batch over its deadline, still running", kLong));
    ASSERT_TRUE(daemon.wait_log("not ready", kLong));
    EXPECT_THAT(daemon.log(),
                HasSubstr(fmt::format("handler=ledger build_id={} topic={} partition=1 offset=0 "
                                      "to_offset=9 ",
                                      build_id(daemon), topic_)));
  }

  void finish_the_rest() {
    const auto daemon = start(spec());
    ASSERT_TRUE(wait_all_handled());
    stop_cleanly(*daemon);
    expect_complete();
    expect_no_duplicates();
  }
};

TEST_F(Deadline, ABatchOverItsDeadlineIsReportedAndToldToGiveUp) {
  make_topic(2);
  send(20);
  const auto daemon = start(hanging({{"hang_times", "1"}}));
  expect_reported(*daemon);
  ASSERT_TRUE(daemon->wait_log("ready again", kLong)) << "the handler looks at cancelled()";
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  EXPECT_EQ(ledger_.count(Event::kCancelled), 1U);
  EXPECT_EQ(daemon->log_count("partition=1 offset=0 to_offset=9 running_ms="), 1U);
  const Entries begun = only(ledger_.read(), [](const Entry& entry) {
    return entry.event == Event::kBegin && entry.partition().partition == 1;
  });
  ASSERT_THAT(begun, SizeIs(2));
  EXPECT_EQ(begun[1].offset, 5) << "what was finished before counts";
  expect_complete();
  expect_no_duplicates();
}

TEST_F(Deadline, AHandlerThatDoesNotListenIsLeftRunningAndNobodyWaitsForIt) {
  make_topic(2);
  send(20);
  DaemonSpec deaf = hanging({{"ignore_cancel", "true"}});
  deaf.options["drain_deadline"] = "2s";
  const auto daemon = start(deaf);
  expect_reported(*daemon);
  send(20);
  ASSERT_TRUE(eventually(
      [&] {
        return admin_.committed(group_) == OffsetsByPartition{{{topic_, 0}, 20}};
      },
      kLong));
  EXPECT_TRUE(daemon->running());
  EXPECT_EQ(daemon->log_count("ready again"), 0U);
  EXPECT_EQ(daemon->stop(), 2);
  finish_the_rest();
}

TEST_F(Deadline, OnDeadlineExitEndsTheProcessThoughItsHandlerHangs) {
  const OffsetsByPartition without_the_hung{{{topic_, 0}, 10}, {{topic_, 1}, 0}};
  make_topic(2);
  send_ten_to(0);
  DaemonSpec deaf = hanging({{"ignore_cancel", "true"}});
  handler(deaf).options["on_deadline"] = "exit";
  deaf.options["drain_deadline"] = "10m";
  const auto daemon = start(deaf);
  ASSERT_TRUE(eventually([&] { return admin_.committed(group_) == without_the_hung; }, kLong));
  send_ten_to(1);
  expect_reported(*daemon);
  EXPECT_EQ(daemon->wait_exit(kLong), 2);
  EXPECT_EQ(admin_.committed(group_), without_the_hung);
  finish_the_rest();
}

TEST_F(Deadline, OnDeadlineExitEndsTheProcessThoughItsHandlerGaveUp) {
  make_topic(2);
  send(20);
  DaemonSpec strict = hanging({{"hang_times", "1"}});
  handler(strict).options["on_deadline"] = "exit";
  strict.options["drain_deadline"] = "10m";
  const auto daemon = start(strict);
  expect_reported(*daemon);
  EXPECT_EQ(daemon->wait_exit(kLong), 2) << "whoever restarts it must see a failure";
  finish_the_rest();
}

}  // namespace
}  // namespace moult::testing
