// Starts that fail, and what a signal that nobody uses does.
#include <csignal>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

using ::testing::HasSubstr;

class Starts : public OneGroup {};

TEST_F(Starts, OneThatFailsLeavesTheGroupAlone) {
  make_topic(1);
  DaemonSpec daemon = spec();
  // Nobody answers there, which takes a start two seconds: long enough to join the first group.
  ConsumerSpec second = daemon.consumers[0];
  second.group = unique_name("second");
  second.kafka["bootstrap.servers"] = "127.0.0.1:1";
  second.handlers[0].name = "second";
  daemon.consumers.push_back(second);
  write_file(scratch_ / "file", "");
  daemon.options["admin"] = "{socket: " + (scratch_ / "file" / "admin.sock").string() + "}";
  const auto refused = start(daemon);
  EXPECT_EQ(refused->wait_exit(kLong), 1);
  EXPECT_THAT(refused->log(), HasSubstr("can't tell how many partitions"));
  EXPECT_THAT(refused->log(), HasSubstr("can't start"));
  EXPECT_EQ(admin_.describe(group_).state, "Dead") << "the group was joined";
  EXPECT_EQ(cluster_.generations(group_), 0U);
}

TEST_F(Starts, APluginThatARuleRefusesIsNotTriedAgain) {
  make_topic(1);
  DaemonSpec daemon = spec();
  handler(daemon).plugin = (scratch_ / "missing.so").string();
  const auto refused = start(daemon);
  EXPECT_EQ(refused->wait_exit(kLong), 78);
  EXPECT_THAT(refused->log(), HasSubstr("refused by rule missing-file"));
}

TEST_F(Starts, Usr1EndsNobody) {
  make_topic(1);
  const auto daemon = start(spec());
  send(1);
  ASSERT_TRUE(wait_all_handled());
  daemon->signal(SIGUSR1);
  EXPECT_TRUE(daemon->wait_log("no log file to open anew", kLong));
  send(1);
  EXPECT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
}

// Brokers match regexes themselves there, and want them to match whole names.
TEST_F(Starts, R12_ARegexMatchesTheBeginningOfANameUnderTheNewProtocolToo) {
  make_topic(1);
  send(5);
  DaemonSpec daemon = spec();
  daemon.consumers[0].kafka = {{"group.protocol", "consumer"}};
  handler(daemon).topics = {"'^" + topic_.substr(0, topic_.size() - 1) + "'"};
  const auto reads = start(daemon);
  EXPECT_TRUE(wait_all_handled());
  stop_cleanly(*reads);
}

}  // namespace
}  // namespace moult::testing
