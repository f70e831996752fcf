// Brokers that go and come back while records flow.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <optional>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

const Properties kPatient = {{"session.timeout.ms", "30000"},
                             {"heartbeat.interval.ms", "300"},
                             {"reconnect.backoff.max.ms", "1000"}};

/// Three brokers that the tests of a suite share.
class Brokers : public Group {
 public:
  static void SetUpTestSuite() { three_ = new KafkaCluster(KafkaCluster::Options{.brokers = 3}); }
  static void TearDownTestSuite() {
    delete three_;
    three_ = nullptr;
  }

 protected:
  static constexpr int kPartitions = 6;

  Brokers() : Group(*three_) {}
  Properties protocol() const override { return kPatient; }

  DaemonSpec three(const Properties& settings = {}) const {
    DaemonSpec daemon = spec(settings);
    daemon.kafka["bootstrap.servers"] = fmt::format("'{}'", cluster_.bootstrap());
    return daemon;
  }

  void make_topic(int replicas) {
    partitions_ = kPartitions;
    admin_.create_topic(topic_, kPartitions, {{"min.insync.replicas", "1"}}, replicas);
  }

  static KafkaCluster* three_;
};

KafkaCluster* Brokers::three_ = nullptr;

TEST_F(Brokers, N1_ARollingRestartLosesNothingAndHandlesNothingTwice) {
  make_topic(3);
  const auto daemon = start(three());
  send(600);
  ASSERT_TRUE(wait_all_handled());
  for (int node = 1; node <= 3; ++node) {
    cluster_.stop_node(node);
    send(600);
    cluster_.start_node(node);
    send(600);
  }
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  EXPECT_EQ(daemon->log_count("partitions lost"), 0U);
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
}

/// For Kafka's reassignment tool: partition p on the brokers p and p+1, moved on by `round`.
std::string reassignment(const std::string& topic, int partitions, int round) {
  std::string list;
  for (int p = 0; p < partitions; ++p) {
    list += fmt::format(R"({}{{"topic":"{}","partition":{},"replicas":[{},{}]}})",
                        p == 0 ? "" : ",", topic, p, (p + round) % 3 + 1, (p + round + 1) % 3 + 1);
  }
  return fmt::format(R"({{"version":1,"partitions":[{}]}})", list);
}

TEST_F(Brokers, N4_AStormOfLeaderChangesLosesNothingAndHandlesNothingTwice) {
  constexpr int kRounds = 4;
  make_topic(2);
  const auto daemon = start(three({{"sleep_us_per_record", "200"}}));
  send(600);
  for (int round = 0; round <= kRounds; ++round) {
    write_file(scratch_ / "moves.json", reassignment(topic_, kPartitions, round));
    send(3'000);
    cluster_.tool({"reassign-partitions", "--execute", "--additional",
                   "--disallow-replication-factor-change", "--reassignment-json-file",
                   (scratch_ / "moves.json").string()});
    if (round == 0) continue;  // whatever they were before
    // Each leader is dropped from its partition.
    ASSERT_TRUE(eventually(
        [&] {
          const auto now = admin_.leaders(topic_);
          for (int p = 0; p < static_cast<int>(now.size()); ++p) {
            if (now[static_cast<std::size_t>(p)] == (p + round - 1) % 3 + 1) return false;
          }
          return std::ranges::count(now, -1) == 0;
        },
        kLong, milliseconds(50)));
  }
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
}

// ---- None left ----------------------------------------------------------------------------------

class Outage : private OwnCluster, public Group {
 protected:
  static constexpr std::size_t kLeeway = std::size_t{16} * 1024;  // KiB

  Outage() : Group(own_cluster) {}
  Properties protocol() const override { return kPatient; }

  /// MOULT_DOWN_SECONDS=180 is the long form.
  static seconds down_time() {
    const char* asked = std::getenv("MOULT_DOWN_SECONDS");
    return seconds(asked != nullptr ? std::strtol(asked, nullptr, 10) : 10);
  }
};

TEST_F(Outage, N2_WithoutABrokerMemoryIsLevelAndReadyGoesFalseAndTrue) {
  make_topic(2);
  // All there at once, as after the outage: that takes the most memory.
  producer_.send_sequence(topic_, 2, 20'000, 1'000);
  // The cluster is young: the first question about a group makes the topic of all groups, and until
  // that is there the daemon is not ready, and right to say so.
  Admin(cluster_.bootstrap()).committed(group_);
  const auto daemon = start(spec());
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  EXPECT_EQ(daemon->log_count("not ready"), 0U);
  const std::size_t before = daemon->memory_kib("VmRSS");
  cluster_.stop_node(1, KafkaCluster::Stop::kKill);
  ASSERT_TRUE(daemon->wait_log("not ready", kLong));
  std::size_t most = 0;
  EXPECT_TRUE(always(
      [&] {
        most = std::max(most, daemon->memory_kib("VmRSS"));
        return daemon->running();
      },
      down_time()));
  EXPECT_EQ(daemon->log_count("ready again"), 0U);
  EXPECT_LE(most, before + kLeeway);
  cluster_.start_node(1);
  ASSERT_TRUE(daemon->wait_log("ready again", kLong));
  producer_.send_sequence(topic_, 2, 20'000, 1'000);
  ASSERT_TRUE(wait_all_handled());
  const std::size_t after = daemon->memory_kib("VmRSS");
  EXPECT_LE(after, before + kLeeway);
  RecordProperty("rss_kib", fmt::format("before {} down {} after {}", before, most, after));
  fmt::print("RSS: {} KiB before, at most {} KiB without a broker, {} KiB after\n", before, most,
             after);
  const auto ready = [&] {
    return daemon->log_count("not ready") == daemon->log_count("ready again");
  };
  EXPECT_TRUE(eventually(ready, kLong));  // it may doubt once more while the broker recovers
  stop_cleanly(*daemon);
  expect_complete();
}

}  // namespace
}  // namespace moult::testing
