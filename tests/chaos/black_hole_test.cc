// Brokers that take connections and never answer: no FIN, no RST.
#include <gmock/gmock.h>

#include <csignal>

#include "tests/chaos/proxied_cluster.h"
#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

class BlackHole : public OneGroup {
 protected:
  BlackHole() : OneGroup(ProxiedCluster::shared().brokers()) { make_topic(4); }
  ~BlackHole() override { pass(); }

  static void swallow() { ProxiedCluster::shared().proxy().set_all({LinkState::Mode::kBlackHole}); }
  static void pass() { ProxiedCluster::shared().proxy().set_all({}); }
  /// The same, but what the hole had swallowed never comes out again.
  static void forget() {
    ProxiedCluster::shared().proxy().set_all({LinkState::Mode::kDrop});
    pass();
  }

  /// Its client gives a request up after two seconds, not after a minute.
  DaemonSpec proxied(const Properties& settings = {}) const {
    DaemonSpec daemon = spec(settings);
    daemon.kafka["bootstrap.servers"] = ProxiedCluster::shared().bootstrap();
    daemon.kafka["socket.timeout.ms"] = "2000";
    daemon.kafka["reconnect.backoff.max.ms"] = "1000";
    return daemon;
  }

  /// Whether a daemon had all of it; what was handled twice is told.
  void expect_nothing_lost() {
    const Entries& entries = ledger_.read();
    EXPECT_THAT(missing(producer_.produced(), entries), IsEmpty());
    EXPECT_THAT(invented(producer_.produced(), entries), IsEmpty());
    EXPECT_THAT(out_of_order(entries), IsEmpty());
    EXPECT_THAT(revoked_too_early(entries), IsEmpty());
    EXPECT_EQ(admin_.lag(group_, {topic_}), 0);
    RecordProperty("handled_again", static_cast<int>(duplicated(entries).size()));
  }
};

TEST_F(BlackHole, N3_ItIsNotReadyThenComesBackByItselfAndLosesNothing) {
  const auto daemon = start(proxied());
  send(400);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_EQ(daemon->log_count("not ready"), 0U);
  swallow();
  const std::size_t before = ledger_.handled();
  send(400);
  ASSERT_TRUE(daemon->wait_log("not ready", kLong));
  EXPECT_TRUE(daemon->running());
  // What was on its way when the hole opened may still have come.
  EXPECT_LT(ledger_.handled(), producer_.produced().size()) << "something came through";
  EXPECT_GE(ledger_.handled(), before);
  EXPECT_EQ(daemon->log_count("ready again"), 0U);
  pass();
  ASSERT_TRUE(daemon->wait_log("ready again", kLong));
  ASSERT_TRUE(wait_all_handled());
  send(400);
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  expect_nothing_lost();
}

TEST_F(BlackHole, N3_TermEndsByTheDeadlineAndWhatWasNotCommittedComesAgain) {
  DaemonSpec uncommitted = proxied();
  uncommitted.options["commit_interval"] = "10m";
  uncommitted.options["drain_deadline"] = "4s";
  const auto daemon = start(uncommitted);
  send(4);
  ASSERT_TRUE(wait_all_handled());
  // The first commit goes out at once; with it gone nothing more is committed before the end.
  ASSERT_TRUE(eventually([&] { return !admin_.committed(group_).empty(); }, kLong));
  send(396);
  ASSERT_TRUE(wait_all_handled());
  swallow();
  const TimePoint asked = Clock::now();
  daemon->signal(SIGTERM);
  EXPECT_EQ(daemon->wait_exit(seconds(6)), 1) << "its last offsets are not committed";
  EXPECT_LE(Clock::now() - asked, seconds(5));
  EXPECT_EQ(daemon->log_count("is finished up to offset 99,"), 4U);
  forget();
  const auto next = start(proxied());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  stop_cleanly(*next);
  expect_nothing_lost();
  EXPECT_GE(duplicated(ledger_.read()).size(), 396U) << "it said that they come again";
}

TEST_F(BlackHole, N3_TermWhileItIsNotReadyEndsByTheDeadline) {
  DaemonSpec quick = proxied();
  quick.options["drain_deadline"] = "4s";
  const auto daemon = start(quick);
  send(400);
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  swallow();
  send(400);
  ASSERT_TRUE(daemon->wait_log("not ready", kLong));
  const TimePoint asked = Clock::now();
  const auto status = daemon->stop(seconds(6));
  EXPECT_THAT(status, ::testing::AnyOf(0, 1));
  EXPECT_LE(Clock::now() - asked, seconds(5));
  pass();
  const auto next = start(proxied());
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  stop_cleanly(*next);
  expect_nothing_lost();
}

}  // namespace
}  // namespace moult::testing
