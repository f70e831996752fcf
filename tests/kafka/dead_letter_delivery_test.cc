// Dead letters that the broker does not take: their records are not finished.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/kafka/dead_letter_fixture.h"

namespace moult::testing {
namespace {

using ::testing::ElementsAre;

constexpr const char* kNotDelivered = "dead letter not delivered, its lane waits";

class Undelivered : public DeadLetters {
 protected:
  using DeadLetters::DeadLetters;

  DaemonSpec giving_up(const Properties& settings) const {
    return hearing_soon(DeadLetters::giving_up(settings));
  }

  /// Record 4 of partition 0 is a dead letter that can't be delivered; everything else goes on.
  void expect_waiting(const Daemon& daemon) {
    ASSERT_TRUE(daemon.wait_log(kNotDelivered, kLong, 2)) << "it is tried again";
    ASSERT_TRUE(wait_committed({{{topic_, 0}, 4}, {{topic_, 1}, 10}}));
    send(20);
    ASSERT_TRUE(wait_committed({{{topic_, 0}, 4}, {{topic_, 1}, 20}}));
    EXPECT_THAT(handled(0), ElementsAre(0, 1, 2, 3));
    EXPECT_EQ(ledger_.count(Event::kFailed), 2U) << "its handler is not asked again";
  }

  void expect_recovery(Daemon& daemon) {
    ASSERT_TRUE(wait_caught_up());
    stop_cleanly(daemon);
    EXPECT_EQ(dead_ids(), ids(0, {4}));
    EXPECT_EQ(ledger_.count(Event::kFailed), 2U);
    expect_handled_or(ids(0, {4}));
  }

  const Properties fails_at_4_{{"fail_offset", "4"}, {"fail_partition", "0"}, {"fail_times", "0"}};
};

TEST_F(Undelivered, E8_WithoutItsTopicALaneWaitsAndRecoversOnceItExists) {
  make_topic(2);
  send(20);
  const auto daemon = start(giving_up(fails_at_4_));
  expect_waiting(*daemon);
  admin_.create_topic(dead_topic_, 1);
  expect_recovery(*daemon);
}

TEST_F(Undelivered, E8_WhatWasHandledBehindAWaitingDeadLetterIsNotRepeated) {
  make_topic(1);
  send(10);
  Properties settings = fails_at_4_;
  settings["fail_as"] = "dead_letter";
  const auto daemon = start(giving_up(settings));
  ASSERT_TRUE(daemon->wait_log(kNotDelivered, kLong, 2));
  ASSERT_TRUE(wait_committed({{{topic_, 0}, 4}}));
  EXPECT_THAT(handled(0), SizeIs(9)) << "the whole batch";
  admin_.create_topic(dead_topic_, 1);
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  EXPECT_EQ(ledger_.count(Event::kBegin), 1U);
  EXPECT_EQ(dead_ids(), ids(0, {4}));
  expect_handled_or(ids(0, {4}));
}

TEST_F(Undelivered, E8_AStopWhileADeadLetterWaitsCommitsNothingPastIt) {
  make_topic(2);
  send(20);
  const DaemonSpec failing = giving_up(fails_at_4_);
  const auto first = start(failing);
  ASSERT_TRUE(first->wait_log(kNotDelivered, kLong));
  ASSERT_TRUE(wait_committed({{{topic_, 0}, 4}, {{topic_, 1}, 10}}));
  stop_cleanly(*first);
  EXPECT_EQ(admin_.committed(group_), (OffsetsByPartition{{{topic_, 0}, 4}, {{topic_, 1}, 10}}));
  admin_.create_topic(dead_topic_, 1);
  const auto second = start(failing);
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*second);
  EXPECT_EQ(dead_ids(), ids(0, {4}));
  expect_handled_or(ids(0, {4}));
}

TEST_F(Undelivered, E9_WhatTheBrokerRefusesAfterItWasQueuedIsSentAgain) {
  make_topic(2);
  // The broker refuses what has no key, as these records.
  admin_.create_topic(dead_topic_, 1, {{"cleanup.policy", "compact"}});
  send(20);
  const auto daemon = start(giving_up(fails_at_4_));
  expect_waiting(*daemon);
  cluster_.tool({"configs", "--alter", "--entity-type", "topics", "--entity-name", dead_topic_,
                 "--add-config", "cleanup.policy=delete"});
  expect_recovery(*daemon);
}

// ---- A broker that is gone ----------------------------------------------------------------------

class UndeliveredToOne : private OwnCluster, public Undelivered {
 protected:
  UndeliveredToOne() : OwnCluster({.brokers = 3}), Undelivered(own_cluster) {}

  // It may be the group's coordinator.
  Properties protocol() const override {
    return {{"session.timeout.ms", "45000"}, {"heartbeat.interval.ms", "300"}};
  }

  /// The dead letters are on one broker, everything else is on each.
  void make_topics_apart() {
    partitions_ = 2;
    admin_.create_topic(topic_, 2, {{"min.insync.replicas", "1"}}, 3);
    admin_.create_topic(dead_topic_, 1);
    // The first question about a group makes the topic of all groups, which takes all brokers. By
    // another client: this one would go on asking the same coordinator.
    Admin(cluster_.bootstrap()).committed(group_);
  }

  /// Whether the others have taken over what it led.
  bool is_missed(std::int32_t node) {
    const std::vector<std::int32_t> now = admin_.leaders(topic_);
    return std::ranges::none_of(now, [&](auto leader) { return leader == node || leader < 0; });
  }
};

TEST_F(UndeliveredToOne, E8_WithTheBrokerOfTheDeadLettersDownALaneWaitsAndRecovers) {
  make_topics_apart();
  const std::int32_t node = admin_.leaders(dead_topic_).front();
  cluster_.stop_node(node, KafkaCluster::Stop::kKill);
  ASSERT_TRUE(eventually([&] { return is_missed(node); }, kLong));
  send(20);
  DaemonSpec failing = giving_up(fails_at_4_);
  failing.kafka["bootstrap.servers"] = "'" + cluster_.bootstrap() + "'";
  const auto daemon = start(failing);
  expect_waiting(*daemon);
  cluster_.start_node(node);
  expect_recovery(*daemon);
}

// ---- A broker that does not answer --------------------------------------------------------------

class UndeliveredAlone : private OwnCluster, public Undelivered {
 protected:
  // Paused for longer than its session a broker is fenced by its controller, which is paused as
  // well: what follows is Kafka's business, and can take minutes.
  UndeliveredAlone()
      : OwnCluster({.properties = "broker.session.timeout.ms=120000\n"}),
        Undelivered(own_cluster) {}

  // The broker may be gone for a while without the group noticing.
  Properties protocol() const override {
    return {{"session.timeout.ms", "45000"}, {"heartbeat.interval.ms", "300"}};
  }
};

TEST_F(UndeliveredAlone, E9_ADeadLetterUnderWayToAPausedBrokerIsNotLost) {
  make_topics(2);
  Properties settings = fails_at_4_;
  settings["sleep_ms_per_batch"] = "2000";
  const auto daemon = start(giving_up(settings));
  send(20);
  // While both batches are in work: their commits and the dead letter meet a paused broker.
  ASSERT_TRUE(ledger_.wait_count(Event::kBegin, 2, kLong));
  cluster_.signal_node(1, SIGSTOP);
  const bool heard = daemon->wait_log(kNotDelivered, kLong);
  cluster_.signal_node(1, SIGCONT);
  ASSERT_TRUE(heard);
  expect_recovery(*daemon);
}

}  // namespace
}  // namespace moult::testing
