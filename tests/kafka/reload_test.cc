// A handler's next generation takes its lanes over, and the group never notices.
#include <algorithm>
#include <csignal>
#include <map>
#include <sstream>
#include <string>
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
  /// Under load records come faster than they are handled: the longer it took, the more are left.
  bool wait_backlog_handled() {
    const std::size_t records = producer_.produced().size();
    return ledger_.wait_handled(records, kLong + milliseconds(records / 10));
  }

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
  make_topic(8);
  DaemonSpec first = next();
  never_missed(first);
  const auto daemon = start(first);
  send(1'000);
  ASSERT_TRUE(wait_works(*daemon));
  const std::size_t generations = cluster_.generations(group_);
  {
    Traffic traffic([this] { send(2'000); });
    for (int i = 0; i < 100; ++i) {
      DaemonSpec newer = next();
      newer.consumers[0].kafka = first.consumers[0].kafka;
      configure(*daemon, newer);
      ASSERT_TRUE(reload(*daemon)) << "reload " << i;
    }
  }
  send(100);  // for the last one
  ASSERT_TRUE(wait_backlog_handled());
  EXPECT_EQ(cluster_.generations(group_), generations) << "no rebalance";
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
  expect_generations_in_order();
  EXPECT_THAT(of_event(of_tag(ledger_.read(), tag()), Event::kRecord), Not(IsEmpty()));
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
  ASSERT_TRUE(ledger_.wait_count(Event::kBegin, 2, kLong)) << "of partition 0 as well";
  configure(*daemon, next());
  daemon->signal(SIGHUP);
  ASSERT_TRUE(eventually(
      [&] {
        send(2);
        return !of_event(of_tag(ledger_.read(), tag()), Event::kRecord).empty();
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

/// Reloads in whose middle partitions came or went, as the log tells.
int reloads_with_a_rebalance(const std::string& log) {
  int found = 0;
  bool reloading = false;
  bool moved = false;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const auto says = [&](const char* text) { return line.find(text) != std::string::npos; };
    if (says("reloading cause=")) {
      reloading = true;
      moved = false;
    } else if (says("partition released") || says("partition assigned")) {
      moved = true;
    } else if (says("reloaded handler=")) {
      if (reloading && moved) ++found;
      reloading = false;
    }
  }
  return found;
}

TEST_P(Reload, H7_ReloadsAndRebalancesInTheMiddleOfEachOther) {
  // Made twice, for the trial and for the lanes: about as long as a member takes to come or to go.
  const Properties slowly{{"delay_create_ms", "400"}};
  const auto daemon = start_first(8);
  send(1'000);
  ASSERT_TRUE(wait_works(*daemon));
  std::size_t asked = 0;
  const auto ask_for = [&](const DaemonSpec& next) {
    configure(*daemon, next);
    daemon->signal(SIGHUP);
    ++asked;
  };
  const auto ended = [&] { return daemon->wait_log("reloaded handler=", kLong, asked); };
  {
    Traffic traffic([this] { send(2'000); });
    for (int i = 0; i < 5; ++i) {
      const auto other = start(spec({{"tag", "\"0\""}}));
      ask_for(next(slowly));
      ASSERT_TRUE(ended());
      for (int k = 0; k < 3; ++k) {
        ask_for(next());
        ASSERT_TRUE(ended());
      }
      ASSERT_TRUE(wait_works(*other));
      ask_for(next(slowly));
      stop_cleanly(*other);
      ASSERT_TRUE(ended());
    }
  }
  ASSERT_TRUE(wait_backlog_handled());
  stop_cleanly(*daemon);
  EXPECT_EQ(daemon->log_count("reloaded handler="), asked);
  EXPECT_EQ(daemon->log_count("reload refused"), 0U);
  EXPECT_GT(reloads_with_a_rebalance(daemon->log()), 0);
  expect_complete();
  expect_no_duplicates();
}

TEST_P(Reload, S8_TermDuringAReloadIsClean) {
  // Made twice, for the trial and for the lanes: the first rounds are sure to end in between.
  const Properties slowly{{"delay_create_ms", "100"}};
  int unfinished = 0;
  for (int i = 0; i < 8; ++i) {
    const auto daemon = i == 0 ? start_first(4, slowly) : start(next(slowly));
    send(5'000);
    ASSERT_TRUE(wait_works(*daemon));
    configure(*daemon, next(slowly));
    daemon->signal(SIGHUP);
    ASSERT_TRUE(daemon->wait_log("reloading cause=", kLong));
    std::this_thread::sleep_for(milliseconds(80 * i));  // at another step each time
    stop_cleanly(*daemon);
    if (daemon->log_count("reloaded handler=") == 0) ++unfinished;
  }
  EXPECT_GT(unfinished, 0) << "no TERM came during a reload";
  const auto last = start(next());
  ASSERT_TRUE(last->wait_log("partition assigned", kLong));
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*last);
  expect_complete(Unused::kMayBeLeft);
  expect_no_duplicates();
}

MOULT_FOR_EACH_PROTOCOL(Reload);

class Pause : public Reloads {
 protected:
  void outlives_a_rebalance(const std::string& ordering) {
    make_topic(2);
    const auto daemon = start(ordered(ordering, "1"));
    send(100);
    ASSERT_TRUE(wait_all_handled());
    EXPECT_EQ(ask(*daemon, "pause", {"nobody"}).status, 1);
    ASSERT_EQ(ask(*daemon, "pause", {"ledger"}).status, 0);
    const auto other = start(ordered(ordering, "0"));
    ASSERT_TRUE(wait_stable(2));
    const std::size_t assigned = daemon->log_count("partition assigned");
    stop_cleanly(*other);
    ASSERT_TRUE(daemon->wait_log("partition assigned", kLong, assigned + 1)) << "it comes back";
    ASSERT_TRUE(wait_stable(1));
    const std::size_t before = begins_of(*daemon);
    send(100);
    configure(*daemon, ordered(ordering, "2"));
    ASSERT_EQ(ask(*daemon, "reload").status, 0) << "a paused handler can be reloaded";
    EXPECT_THAT(ask(*daemon, "status", {"--json"}).out, HasSubstr("\"paused\":true"));
    EXPECT_EQ(begins_of(*daemon), before);
    ASSERT_EQ(ask(*daemon, "resume").status, 0);
    ASSERT_TRUE(wait_all_handled());
    stop_cleanly(*daemon);
    expect_no_duplicates();
    if (ordering == "partition") return expect_complete();
    EXPECT_THAT(violations_by_key(producer_.produced(), ledger_.read(), admin_.committed(group_)),
                IsEmpty());
    EXPECT_EQ(admin_.lag(group_, {topic_}), 0);
  }

 private:
  DaemonSpec ordered(const std::string& ordering, const std::string& tag) const {
    DaemonSpec ordered = spec({{"tag", "\"" + tag + "\""}});
    handler(ordered).options["ordering"] = ordering;
    return ordered;
  }

  std::size_t begins_of(const Daemon& daemon) {
    return of_event(of_pid(ledger_.read(), daemon.pid()), Event::kBegin).size();
  }
};

TEST_P(Pause, R6_ByAnOperatorOutlivesARebalance) { outlives_a_rebalance("partition"); }

TEST_P(Pause, R6_ByAnOperatorOfASpreadHandlerOutlivesARebalance) { outlives_a_rebalance("key"); }

MOULT_FOR_EACH_PROTOCOL(Pause);

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

TEST_F(ReloadCommand, H8_ALaneThatStaysOldIsReportedAndGoesOverWhenItsBatchEnds) {
  const std::string batch_ends = (scratch_ / "batch_ends").string();
  const auto daemon = start_first(
      2, {{"hang_on_offset", "0"}, {"fail_partition", "0"}, {"fail_until", batch_ends}});
  send(2);
  ASSERT_TRUE(ledger_.wait_count(Event::kRecord, 1, kLong)) << "of partition 1";
  ASSERT_TRUE(ledger_.wait_count(Event::kBegin, 2, kLong));
  configure(*daemon, next());
  // For the making of its instances as well, which is not what shall fail here.
  const Finished lags = ask(*daemon, "reload", {"--timeout", "10s"});
  EXPECT_EQ(lags.status, 1);
  EXPECT_THAT(lags.errors, AllOf(HasSubstr("generation 2"), HasSubstr("is active on 1 of 2 lanes"),
                                 HasSubstr(topic_ + "[0] is still on the old generation"),
                                 Not(HasSubstr("[1] is still"))));
  ASSERT_TRUE(daemon->wait_log("reload unfinished handler=ledger", kLong));
  EXPECT_EQ(daemon->log_count("reload refused"), 0U);
  write_file(batch_ends, "");
  const Finished there = ask(*daemon, "reload");
  EXPECT_EQ(there.status, 0) << there.errors;
  send(20);
  ASSERT_TRUE(wait_all_handled());
  for (const Entry& entry : of_event(of_tag(ledger_.read(), "1"), Event::kRecord)) {
    EXPECT_EQ(entry.offset, 0) << "partition " << entry.partition().partition;
  }
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
  expect_complete_with_rollbacks();
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
