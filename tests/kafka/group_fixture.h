#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/admin.h"
#include "tests/support/daemon.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/ledger.h"
#include "tests/support/oracle.h"
#include "tests/support/producer.h"
#include "tests/support/scratch.h"
#include "tests/support/wait.h"

namespace moult::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// How a group divides its partitions.
enum class Protocol {
  kEager,        // classic, range
  kCooperative,  // classic, cooperative-sticky
  kConsumer,     // KIP-848
};

std::string name_of(Protocol protocol);

/// Long enough for whatever a loaded machine does; a good run needs a fraction.
inline constexpr seconds kLong{30};

/// One topic, one group, and as many daemons as a test starts; they share a ledger.
class Group : public ::testing::TestWithParam<Protocol> {
 protected:
  explicit Group(KafkaCluster& cluster = KafkaCluster::shared());

  /// Properties that make this test's protocol, with short times.
  virtual Properties protocol() const;
  /// For who counts rebalances and ends nobody but by TERM: a stall of the machine is none either.
  void never_missed(DaemonSpec& daemon) const;
  /// A daemon of this group with one handler on the topic.
  DaemonSpec spec(const Properties& settings = {}) const;
  std::unique_ptr<Daemon> start(const DaemonSpec& spec);

  void make_topic(int partitions);
  void send(int count) { producer_.send_sequence(topic_, partitions_, count); }

  bool wait_stable(std::size_t members);
  /// Until a handler of that process has handled something.
  bool wait_works(const Daemon& daemon);
  /// The same, while records go on coming: enough that a handler is seldom without.
  bool send_until_works(const Daemon& daemon);
  /// Until a handler had each record of producer_: others' records don't count.
  bool wait_all_handled();
  /// TERM, and exit 0 in time.
  void stop_cleanly(Daemon& daemon);

  /// The first handler of a specification.
  static HandlerSpec& handler(DaemonSpec& daemon) { return daemon.consumers[0].handlers[0]; }
  /// Records of this partition that were handled, in the order of their handling.
  std::vector<Offset> handled(std::int32_t partition);
  /// What was produced, less what is known to have been given up.
  Produced produced_without(const std::set<RecordId>& given_up) const;

  /// All was handled by the rules, and all of it is committed. Call it when all daemons have ended.
  void expect_complete(Unused unused = Unused::kDestroyed);
  /// The same where lanes may have gone back to a generation that they had left.
  void expect_complete_with_rollbacks();
  void expect_no_duplicates() { EXPECT_THAT(duplicates(ledger_.read()), IsEmpty()); }

  KafkaCluster& cluster_;
  Scratch scratch_;
  const std::string topic_;
  const std::string group_;
  int partitions_ = 0;
  Admin admin_;
  Producer producer_;
  Ledger ledger_;
  std::set<pid_t> ended_;  // cleanly

 private:
  bool works(const Daemon& daemon);

  int started_ = 0;
};

/// A cluster that a test may harm. A base class in front of Group's, which needs it made.
struct OwnCluster {
  explicit OwnCluster(const KafkaCluster::Options& options = {}) : own_cluster(options) {}

  KafkaCluster own_cluster;
};

/// For what does not depend on how a group divides its partitions: the runtime's own choice.
template <typename Fixture>
class OneProtocol : public Fixture {
 protected:
  using Fixture::Fixture;
  Properties protocol() const override {
    return {{"session.timeout.ms", "6000"}, {"heartbeat.interval.ms", "300"}};
  }
};

using OneGroup = OneProtocol<Group>;

}  // namespace moult::testing

#define MOULT_FOR_EACH_PROTOCOL(Suite)                                                  \
  INSTANTIATE_TEST_SUITE_P(                                                             \
      Kafka, Suite,                                                                     \
      ::testing::Values(Protocol::kEager, Protocol::kCooperative, Protocol::kConsumer), \
      [](const auto& about) { return name_of(about.param); })
