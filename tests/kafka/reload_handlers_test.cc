// A reload brings handlers that the config has anew, and lets go of those that it has no more.
#include <gmock/gmock.h>

#include <set>
#include <sstream>

#include "tests/kafka/reload_fixture.h"

namespace moult::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// As the status has it.
constexpr const char* kSecond = "\"name\":\"second\"";

class ReloadHandlers : public Reloads {
 protected:
  using Reloads::Reloads;

  /// The first handler, and one that reads the other topic.
  DaemonSpec two() {
    DaemonSpec both = one();
    both.consumers[0].handlers.push_back(handler(both));
    HandlerSpec& second = both.consumers[0].handlers[1];
    second.name = "second";
    second.topics = {other_};
    second.settings["tag"] = "\"second\"";
    return both;
  }
  DaemonSpec one() {
    DaemonSpec alone = spec({{"tag", "\"1\""}});
    alone.options["staging_path"] = staging();
    return alone;
  }

  std::unique_ptr<Daemon> start_one() {
    make_topic(2);
    admin_.create_topic(other_, 3);
    return start(one());
  }

  void send_to_other(int records) { producer_.send_sequence(other_, 3, records); }

  std::string staging() const { return (scratch_ / "staging").string(); }

  /// How many copies of plugins the daemon has in memory.
  std::size_t in_memory(const Daemon& daemon) const {
    std::istringstream maps(read_file("/proc/" + std::to_string(daemon.pid()) + "/maps"));
    std::set<std::string> copies;
    for (std::string line; std::getline(maps, line);) {
      const auto at = line.find(staging());
      if (at != std::string::npos) copies.insert(line.substr(at));
    }
    return copies.size();
  }
};

TEST_P(ReloadHandlers, H13_OneComesAndGoesWithoutLeavingTheGroup) {
  const auto daemon = start_one();
  send(100);
  ASSERT_TRUE(wait_all_handled());
  const std::string before = member();
  ASSERT_NE(before, "");
  Producer others(cluster_.bootstrap());  // beside the traffic's
  for (int round = 0; round < 2; ++round) {
    SCOPED_TRACE(round);
    const Traffic traffic([this] { send(20); });
    configure(*daemon, two());
    const Finished added = ask(*daemon, "reload");
    ASSERT_EQ(added.status, 0) << added.errors;
    EXPECT_THAT(added.out, AllOf(HasSubstr("ledger: unchanged"), HasSubstr("second: added: "),
                                 HasSubstr("it reads " + other_ + " from now on")));
    ASSERT_TRUE(wait_reads(*daemon, {topic_, other_}, {}));
    others.send_sequence(other_, 3, 90);
    ASSERT_TRUE(ledger_.wait(
        [&](const Entries& entries) {
          return missing(others.produced(), of_tag(entries, "second")).empty();
        },
        kLong));
    EXPECT_THAT(ask(*daemon, "status", {"--json"}).out, HasSubstr(kSecond));
    EXPECT_EQ(in_memory(*daemon), 2U);

    configure(*daemon, one());
    const Finished removed = ask(*daemon, "reload");
    ASSERT_EQ(removed.status, 0) << removed.errors;
    EXPECT_THAT(removed.out, HasSubstr("second: removed: "));
    ASSERT_TRUE(wait_reads(*daemon, {topic_}, {other_}));
    const std::size_t ends = static_cast<std::size_t>(round) + 1;
    ASSERT_TRUE(daemon->wait_log("a handler that was removed is unloaded", kLong, ends));
    EXPECT_EQ(in_memory(*daemon), 1U);
    EXPECT_THAT(ask(*daemon, "status", {"--json"}).out, Not(HasSubstr(kSecond)));
  }
  send(100);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_EQ(member(), before) << "the same member all the time";
  stop_cleanly(*daemon);
  EXPECT_THAT(missing(producer_.produced(), of_tag(ledger_.read(), "1")), IsEmpty());
  expect_no_duplicates();
}

MOULT_FOR_EACH_PROTOCOL(ReloadHandlers);

class ReloadHandlersRefused : public OneProtocol<ReloadHandlers> {
 protected:
  void expect_refused(const Daemon& daemon, const DaemonSpec& wanted, const std::string& why) {
    configure(daemon, wanted);
    const Finished refused = ask(daemon, "reload");
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.errors, HasSubstr(why));
  }
};

TEST_F(ReloadHandlersRefused, H13_OneThatIsNoGoodBringsNothing) {
  const auto daemon = start_one();
  send(20);
  ASSERT_TRUE(wait_all_handled());
  DaemonSpec bad = two();
  bad.consumers[0].handlers[1].plugin = std::string(MOULT_ABI_PLUGINS) + "/trial_not_created.so";
  DaemonSpec also_new = bad;
  handler(also_new).settings["tag"] = "\"2\"";
  expect_refused(*daemon, also_new,
                 "second: not added: " + bad.consumers[0].handlers[1].plugin +
                     ": refused by rule create-failed: ");
  // And with other keys than it was refused with.
  DaemonSpec good = two();
  good.consumers[0].handlers[1].options["ordering"] = "key";
  configure(*daemon, good);
  const Finished added = ask(*daemon, "reload");
  EXPECT_EQ(added.status, 0) << added.errors;
  ASSERT_TRUE(wait_reads(*daemon, {topic_, other_}, {}));
  send(20);
  send_to_other(30);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_THAT(tags(), ::testing::ElementsAre("1", "second")) << "the first one was left as it was";
  stop_cleanly(*daemon);
  EXPECT_THAT(missing(producer_.produced(), ledger_.read()), IsEmpty());
  expect_no_duplicates();
}

TEST_F(ReloadHandlersRefused, H13_WhatCantBeHadLiveIsNamedWholeAtOnce) {
  const auto daemon = start_one();
  send(20);
  ASSERT_TRUE(wait_all_handled());
  DaemonSpec other = two();
  other.options["commit_interval"] = "7s";
  handler(other).options["ordering"] = "key";
  expect_refused(
      *daemon, other,
      "needs a restart: commit_interval, consumers[" + group_ + "].handlers[ledger].ordering");
  // Its topics would go from one handler to another.
  DaemonSpec renamed = one();
  handler(renamed).name = "renamed";
  expect_refused(*daemon, renamed, "would go to another handler");
  send(20);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_THAT(tags(), ::testing::ElementsAre("1"));
  stop_cleanly(*daemon);
  expect_complete();
}

TEST_F(ReloadHandlersRefused, H13_TheNewOneAloneByItsName) {
  const auto daemon = start_one();
  send(20);
  ASSERT_TRUE(wait_all_handled());
  DaemonSpec both = two();
  handler(both).settings["tag"] = "\"2\"";
  configure(*daemon, both);
  const Finished unknown = ask(*daemon, "reload", {"third"});
  EXPECT_EQ(unknown.status, 1);
  EXPECT_THAT(unknown.errors, HasSubstr("no handler 'third'; there are: ledger, second"));
  const Finished added = ask(*daemon, "reload", {"second"});
  EXPECT_EQ(added.status, 0) << added.errors;
  ASSERT_TRUE(wait_reads(*daemon, {topic_, other_}, {}));
  // And away again, under the same name, though the config has it no more.
  configure(*daemon, one());
  const Finished removed = ask(*daemon, "reload", {"second"});
  EXPECT_EQ(removed.status, 0) << removed.errors;
  ASSERT_TRUE(wait_reads(*daemon, {topic_}, {other_}));
  send(20);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_THAT(tags(), ::testing::ElementsAre("1"));
  stop_cleanly(*daemon);
  expect_complete();
}

TEST_F(ReloadHandlersRefused, H13_AnotherOrderOfRegexesNeedsARestart) {
  const auto daemon = start_one();
  send(20);
  ASSERT_TRUE(wait_all_handled());
  DaemonSpec both = two();
  both.consumers[0].handlers[1].topics = {"^" + other_};
  configure(*daemon, both);
  ASSERT_EQ(ask(*daemon, "reload").status, 0);
  DaemonSpec before = both;
  HandlerSpec third = before.consumers[0].handlers[1];
  third.name = "third";
  third.topics = {"^" + other_ + "-.*"};
  before.consumers[0].handlers.insert(before.consumers[0].handlers.begin() + 1, third);
  expect_refused(*daemon, before, "the order decides who gets a topic");
  DaemonSpec behind = both;
  behind.consumers[0].handlers.push_back(third);
  configure(*daemon, behind);
  const Finished added = ask(*daemon, "reload");
  EXPECT_EQ(added.status, 0) << added.errors;
  stop_cleanly(*daemon);
  expect_complete();
}

TEST_F(ReloadHandlersRefused, H13_AGroupThatWouldReadNothingIsRefusedBeforeAnythingMoves) {
  const auto daemon = start_one();
  send(20);
  ASSERT_TRUE(wait_all_handled());
  DaemonSpec other = two();
  other.consumers[0].handlers.erase(other.consumers[0].handlers.begin());
  configure(*daemon, other);
  const Finished refused = ask(*daemon, "reload", {"ledger"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.errors, HasSubstr("would read nothing"));
  send(20);
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  expect_complete();
}

TEST_F(ReloadHandlersRefused, R6_OneThatComesToAPausedGroupWaitsAsWell) {
  const auto daemon = start_one();
  ASSERT_TRUE(daemon->wait_log("partition assigned", kLong));
  ASSERT_EQ(ask(*daemon, "pause", {group_}).status, 0);
  configure(*daemon, two());
  ASSERT_EQ(ask(*daemon, "reload").status, 0);
  ASSERT_TRUE(wait_reads(*daemon, {topic_, other_}, {}));
  send_to_other(30);
  ASSERT_EQ(ask(*daemon, "resume", {"ledger"}).status, 0);
  send(20);
  ASSERT_TRUE(ledger_.wait_handled(20, kLong));
  EXPECT_THAT(tags(), ::testing::ElementsAre("1")) << "the new one waits";
  ASSERT_EQ(ask(*daemon, "resume", {"second"}).status, 0);
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  expect_complete();
}

}  // namespace
}  // namespace moult::testing
