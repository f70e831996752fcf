// Brokers that take connections and never answer: no FIN, no RST.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <csignal>
#include <string>
#include <thread>

#include "tests/chaos/proxied_cluster.h"
#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

class BlackHole : public OneGroup {
 protected:
  static constexpr seconds kSession{20};

  BlackHole() : OneGroup(ProxiedCluster::shared().brokers()) {
    make_topic(4);
    // The first question about a group makes the topic of all groups: until that is there, a daemon
    // is not ready, and right to say so.
    admin_.committed(group_);
  }
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

  /// To end by a deadline of four seconds; where only its client waited for a broker it would be at
  /// the end of the session.
  DaemonSpec bounded() const {
    DaemonSpec daemon = proxied();
    daemon.options["drain_deadline"] = "4s";
    daemon.consumers[0].kafka["session.timeout.ms"] = std::to_string(to_ms(kSession));
    return daemon;
  }
  /// One whose records are handled, and all but the first of each partition not committed.
  std::unique_ptr<Daemon> start_uncommitted() {
    DaemonSpec uncommitted = bounded();
    uncommitted.options["commit_interval"] = "10m";
    auto daemon = start(uncommitted);
    send(4);
    EXPECT_TRUE(wait_all_handled());
    // The first commit goes out at once; with it gone nothing more is committed before the end.
    EXPECT_TRUE(eventually([&] { return !admin_.committed(group_).empty(); }, kLong));
    send(396);
    EXPECT_TRUE(wait_all_handled());
    return daemon;
  }
  /// The group still has the member that could not leave, until its session ends.
  void expect_handled_again() {
    forget();
    const auto next = start(proxied());
    ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kSession + kLong));
    stop_cleanly(*next);
    expect_nothing_lost();
    EXPECT_GE(duplicated(ledger_.read()).size(), 396U) << "it said that they come again";
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

// Where the broker divides the partitions it tells a member once what to give back: in an answer
// that the member has given up waiting for, here.
TEST_F(BlackHole, R1_WhatAMemberIsToGiveBackItHearsOfThoughAnAnswerWasLost) {
  const Properties by_broker{{"group.protocol", "consumer"}};
  DaemonSpec behind = proxied();
  behind.consumers[0].kafka = by_broker;
  never_missed(behind);  // or it would be taken for gone before the other has joined
  const auto first = start(behind);
  send(400);
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));  // no commit holds heartbeats back
  swallow();
  DaemonSpec straight = spec();
  straight.kafka["bootstrap.servers"] = fmt::format("'{}'", cluster_.bootstrap());
  straight.consumers[0].kafka = by_broker;
  const auto second = start(straight);
  ASSERT_TRUE(eventually([&] { return admin_.describe(group_).members.size() == 2; }, kLong));
  // A heartbeat is given up after a second, and its connection with it; the session goes on.
  ASSERT_TRUE(first->wait_log("Timed out ConsumerGroupHeartbeatRequest in flight", kLong));
  // The coordinator divides the partitions within a second, and says so in answer to that
  // heartbeat.
  std::this_thread::sleep_for(seconds(2));
  pass();
  ASSERT_TRUE(second->wait_log("partition assigned", kLong, 2));
  send(400);
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*second);
  stop_cleanly(*first);
  expect_nothing_lost();
}

TEST_F(BlackHole, N3_TermEndsByTheDeadlineAndWhatWasNotCommittedComesAgain) {
  const auto daemon = start_uncommitted();
  const TimePoint cut = Clock::now();
  swallow();
  daemon->signal(SIGTERM);
  EXPECT_EQ(daemon->wait_exit(kLong), 1) << "its last offsets are not committed";
  EXPECT_LT(Clock::now() - cut, kSession - seconds(2));
  EXPECT_EQ(daemon->log_count("is finished up to offset 99,"), 4U);
  expect_handled_again();
}

TEST_F(BlackHole, N3_AConsumerThatWasKeptBeyondTheDeadlineStillSaysHowItEnded) {
  const auto daemon = start_uncommitted();
  swallow();
  daemon->signal(SIGTERM);
  ASSERT_TRUE(daemon->wait_log("stopping", kLong));
  daemon->signal(SIGSTOP);
  std::this_thread::sleep_for(seconds(5));  // all of the drain deadline
  daemon->signal(SIGCONT);
  EXPECT_EQ(daemon->wait_exit(kLong), 1) << "no handler outstayed it";
  EXPECT_EQ(daemon->log_count("is finished up to offset 99,"), 4U);
  expect_handled_again();
}

TEST_F(BlackHole, N3_TermWhileItIsNotReadyEndsByTheDeadline) {
  const auto daemon = start(bounded());
  send(400);
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  swallow();
  send(400);
  ASSERT_TRUE(daemon->wait_log("not ready", kLong));
  const TimePoint asked = Clock::now();
  const auto status = daemon->stop(kLong);
  EXPECT_THAT(status, ::testing::AnyOf(0, 1));
  EXPECT_LE(Clock::now() - asked, seconds(12)) << "the drain deadline, and a busy machine's time";
  pass();
  const auto next = start(proxied());
  ASSERT_TRUE(ledger_.wait_handled(producer_.produced().size(), kSession + kLong));
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  stop_cleanly(*next);
  expect_nothing_lost();
}

}  // namespace
}  // namespace moult::testing
