// A handler's next generation takes its lanes over, and the group never notices.
#include <algorithm>
#include <csignal>
#include <map>
#include <thread>

#include "tests/kafka/reload_fixture.h"

namespace moult::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Reload : public Reloads {
 protected:
  /// Nothing between two generations of a partition is mixed: all of one, then all of the next.
  void expect_generations_in_order() {
    std::map<TopicPartition, int> newest;
    for (const Entry& entry : of_event(ledger_.read(), Event::kRecord)) {
      const int number = std::stoi(entry.lane.tag);
      int& last = newest[entry.partition()];
      EXPECT_GE(number, last) << "partition " << entry.partition().partition << ", offset "
                              << entry.offset;
      last = std::max(last, number);
    }
  }
};

TEST_P(Reload, H1_AHundredReloadsUnderLoadLoseNothingAndCostNoRebalance) {
  const auto daemon = start_first(8);
  send(1'000);
  ASSERT_TRUE(wait_works(*daemon));
  const std::size_t generations = cluster_.generations(group_);
  {
    Traffic traffic([this] { send(2'000); });
    for (int i = 0; i < 100; ++i) {
      configure(*daemon, next());
      ASSERT_TRUE(reload(*daemon)) << "reload " << i;
    }
  }
  ASSERT_TRUE(wait_all_handled());
  EXPECT_EQ(cluster_.generations(group_), generations) << "no rebalance";
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
  expect_generations_in_order();
  EXPECT_THAT(of_tag(ledger_.read(), tag()), Not(IsEmpty()));
  EXPECT_EQ(daemon->log_count("reload refused"), 0U);
}

TEST_P(Reload, H1_ARecordThatFailsIsRetriedOnTheNextGeneration) {
  const auto daemon = start_first(2, {{"fail_offset", "5"}, {"fail_times", "0"}});
  send(100);
  ASSERT_TRUE(ledger_.wait_count(Event::kFailed, 4, kLong));
  configure(*daemon, next());
  ASSERT_TRUE(reload(*daemon));
  ASSERT_TRUE(wait_all_handled()) << "at once, not after the backoff of the old one";
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
}

TEST_P(Reload, H5_TheSameAgainIsUnchanged) {
  const auto daemon = start_first(1);
  send(10);
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(reload(*daemon, "unchanged: generation 1"));
  stop_cleanly(*daemon);
  expect_complete();
}

TEST_P(Reload, H8_ALaneWhoseBatchNeverEndsStaysOldAndTheOthersSwap) {
  const auto daemon = start_first(2, {{"hang_on_offset", "0"}, {"fail_partition", "0"}});
  send(2);
  ASSERT_TRUE(ledger_.wait_count(Event::kRecord, 1, kLong)) << "of partition 1";
  configure(*daemon, next());
  daemon->signal(SIGHUP);
  ASSERT_TRUE(eventually(
      [&] {
        send(2);
        return !of_tag(ledger_.read(), tag()).empty();
      },
      kLong))
      << "partition 1 is handled by the next generation meanwhile";
  for (const Entry& entry : of_event(of_tag(ledger_.read(), tag()), Event::kRecord)) {
    EXPECT_EQ(entry.partition().partition, 1);
  }
  EXPECT_EQ(daemon->log_count("reloaded handler="), 0U);
}

TEST_P(Reload, H3_ARefusedPluginChangesNothing) {
  const auto daemon = start_first(2);
  send(100);
  ASSERT_TRUE(wait_all_handled());
  write_file(scratch_ / "broken.so", "not an ELF file");
  DaemonSpec broken = next();
  handler(broken).plugin = (scratch_ / "broken.so").string();
  configure(*daemon, broken);
  ASSERT_TRUE(reload(*daemon, "reload refused"));
  EXPECT_THAT(daemon->log(), HasSubstr("refused by rule elf-magic"));
  send(100);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_THAT(tags(), ElementsAre("1"));
  DaemonSpec fails = next({{"fail_create", "true"}});
  configure(*daemon, fails);
  ASSERT_TRUE(reload(*daemon, "reload refused"));
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
}

TEST_P(Reload, H13_WhatNeedsARestartIsRefusedByName) {
  const auto daemon = start_first(1);
  send(10);
  ASSERT_TRUE(wait_all_handled());
  DaemonSpec other = next();
  handler(other).options["ordering"] = "key";
  other.options["commit_interval"] = "300ms";
  configure(*daemon, other);
  ASSERT_TRUE(reload(*daemon, "reload refused"));
  EXPECT_THAT(daemon->log(), AllOf(HasSubstr("commit_interval"), HasSubstr(".ordering")));
  DaemonSpec live = next();
  handler(live).options["batch"] = "{max_records: 3}";
  handler(live).options["workers"] = "2";
  configure(*daemon, live);
  ASSERT_TRUE(reload(*daemon));
  send(100);
  ASSERT_TRUE(wait_all_handled());
  for (const Entry& batch : of_event(of_tag(ledger_.read(), tag()), Event::kBegin)) {
    EXPECT_LE(std::stoll(batch.detail) - batch.offset, 2) << "batches of three at most";
  }
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
}

TEST_P(Reload, H7_ReloadsAndRebalancesInTheMiddleOfEachOther) {
  const auto daemon = start_first(8);
  send(1'000);
  ASSERT_TRUE(wait_works(*daemon));
  {
    Traffic traffic([this] { send(2'000); });
    for (int i = 0; i < 5; ++i) {
      const auto other = start(spec({{"tag", "\"0\""}}));
      for (int k = 0; k < 3; ++k) {
        configure(*daemon, next());
        ASSERT_TRUE(reload(*daemon));
      }
      ASSERT_TRUE(wait_works(*other));
      configure(*daemon, next());
      daemon->signal(SIGHUP);
      stop_cleanly(*other);
    }
  }
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
}

TEST_P(Reload, S8_TermDuringAReloadIsClean) {
  for (int i = 0; i < 8; ++i) {
    const auto daemon = i == 0 ? start_first(4) : start(next());
    send(5'000);
    ASSERT_TRUE(wait_works(*daemon));
    configure(*daemon, next());
    daemon->signal(SIGHUP);
    std::this_thread::sleep_for(milliseconds(20 * i));  // at another step each time
    stop_cleanly(*daemon);
  }
  const auto last = start(next());
  ASSERT_TRUE(last->wait_log("partition assigned", kLong));
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*last);
  expect_complete();
  expect_no_duplicates();
}

MOULT_FOR_EACH_PROTOCOL(Reload);

/// What a deploy hook sees.
class ReloadCommand : public OneReloads {};

TEST_F(ReloadCommand, H3_TheExitStatusTellsWhetherTheNewGenerationIsActive) {
  const auto daemon = start_first(2);
  send(100);
  ASSERT_TRUE(wait_all_handled());
  configure(*daemon, next());
  const Finished good = ask(*daemon, "reload");
  EXPECT_EQ(good.status, 0) << good.errors;
  EXPECT_THAT(good.out, AllOf(HasSubstr("generation 2"), HasSubstr("active on 2 lanes")));
  write_file(scratch_ / "broken.so", "not an ELF file");
  DaemonSpec broken = next();
  handler(broken).plugin = (scratch_ / "broken.so").string();
  configure(*daemon, broken);
  const Finished refused = ask(*daemon, "reload");
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.errors, AllOf(HasSubstr("generation 2"), HasSubstr("runs on"),
                                    HasSubstr("refused by rule elf-magic")));
  EXPECT_EQ(ask(*daemon, "reload", {"nobody"}).status, 1);
  send(100);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_THAT(tags(), ElementsAre("1", "2"));
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
  EXPECT_NE(ask(*daemon, "reload").status, 0) << "nobody is there";
}

TEST_F(ReloadCommand, H5_TheSameBytesAreUnchangedUnlessForced) {
  const auto daemon = start_first(1);
  ASSERT_TRUE(daemon->wait_log("partition assigned", kLong));
  const Finished same = ask(*daemon, "reload");
  EXPECT_EQ(same.status, 0) << same.errors;
  EXPECT_THAT(same.out, HasSubstr("unchanged"));
  const Finished forced = ask(*daemon, "reload", {"--force"});
  EXPECT_EQ(forced.status, 0) << forced.errors;
  EXPECT_THAT(forced.out, HasSubstr("generation 2"));
  stop_cleanly(*daemon);
}

TEST_F(ReloadCommand, H6_AHundredHooksAtOnceAreServedByFewReloads) {
  const auto daemon = start_first(4);
  send(1'000);
  ASSERT_TRUE(wait_works(*daemon));
  configure(*daemon, next());
  for (const Finished& hook : reload_at_once(*daemon, 100)) {
    EXPECT_EQ(hook.status, 0) << hook.errors;
  }
  const Finished status = ask(*daemon, "status", {"--json"});
  EXPECT_THAT(status.out, HasSubstr("\"generation\":2"));
  EXPECT_THAT(status.out, Not(HasSubstr("\"generation\":3")));
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
}

TEST_F(ReloadCommand, H11_RollbackBringsTheGenerationBeforeBack) {
  const auto daemon = start_first(2);
  send(100);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_EQ(ask(*daemon, "rollback", {"ledger"}).status, 1) << "there is none yet";
  configure(*daemon, next());
  ASSERT_EQ(ask(*daemon, "reload").status, 0);
  send(100);
  ASSERT_TRUE(wait_all_handled());
  const Finished back = ask(*daemon, "rollback", {"ledger"});
  EXPECT_EQ(back.status, 0) << back.errors;
  const std::size_t before = of_event(of_tag(ledger_.read(), "1"), Event::kRecord).size();
  send(100);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_EQ(of_event(of_tag(ledger_.read(), "1"), Event::kRecord).size(), before + 100);
  stop_cleanly(*daemon);
  // By the tag, the first generation is there twice: that much the oracle can't tell apart.
  EXPECT_THAT(missing(producer_.produced(), ledger_.read()), IsEmpty());
  EXPECT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  expect_no_duplicates();
}

TEST_F(ReloadCommand, R6_AnOperatorsPauseOutlivesARebalance) {
  const auto daemon = start_first(2);
  send(100);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_EQ(ask(*daemon, "pause", {"nobody"}).status, 1);
  ASSERT_EQ(ask(*daemon, "pause", {"ledger"}).status, 0);
  const auto other = start(spec({{"tag", "\"0\""}}));
  ASSERT_TRUE(wait_stable(2));
  stop_cleanly(*other);  // its partition comes back
  ASSERT_TRUE(daemon->wait_log("partition assigned", kLong, 3));
  const std::size_t before = of_event(of_pid(ledger_.read(), daemon->pid()), Event::kBegin).size();
  send(100);
  ASSERT_EQ(ask(*daemon, "reload", {"--force"}).status, 0) << "a paused handler can be reloaded";
  EXPECT_THAT(ask(*daemon, "status", {"--json"}).out, HasSubstr("\"paused\":true"));
  EXPECT_EQ(of_event(of_pid(ledger_.read(), daemon->pid()), Event::kBegin).size(), before);
  ASSERT_EQ(ask(*daemon, "resume").status, 0);
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  EXPECT_THAT(missing(producer_.produced(), ledger_.read()), IsEmpty());
  expect_no_duplicates();
}

TEST_F(ReloadCommand, StatusAndHealthTellOfADaemonAtWork) {
  const auto daemon = start_first(2);
  send(100);
  ASSERT_TRUE(wait_all_handled());
  const Finished status = ask(*daemon, "status");
  EXPECT_EQ(status.status, 0) << status.errors;
  EXPECT_THAT(status.out, AllOf(HasSubstr(group_), HasSubstr(topic_), HasSubstr("ledger")));
  EXPECT_EQ(ask(*daemon, "health").status, 0);
  EXPECT_EQ(ask(*daemon, "quiet").status, 0);
  EXPECT_THAT(ask(*daemon, "status", {"--json"}).out, HasSubstr("\"quiet\":true"));
  stop_cleanly(*daemon);
}

}  // namespace
}  // namespace moult::testing
