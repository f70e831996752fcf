// What a group may not read, or does not know where to begin: it is said, and the daemon is not
// ready.
#include <fmt/format.h>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

class WithoutAnOffset : public OneGroup {};

TEST_F(WithoutAnOffset, N7_ANewGroupThatMayNotChooseIsNotReady) {
  make_topic(2);
  send(10);
  DaemonSpec daemon = spec();
  daemon.kafka["auto.offset.reset"] = "error";
  const auto waits = start(daemon);
  ASSERT_TRUE(waits->wait_log("unreadable_partitions=2", kLong));
  EXPECT_THAT(waits->log(), ::testing::HasSubstr("the group has no offset"));
  EXPECT_THAT(waits->log(), ::testing::HasSubstr("hint=no-offset"));
  EXPECT_EQ(waits->log_count("records are gone"), 0U);
  const Finished health = run_moult({"health", "-c", waits->config().string()});
  EXPECT_EQ(health.status, 1);
  EXPECT_THAT(health.out + health.errors, ::testing::HasSubstr("2 partitions that can't be read"));
  stop_cleanly(*waits);
  EXPECT_THAT(admin_.committed(group_), IsEmpty());
}

/// A broker that asks who comes, on one of its listeners.
struct AskingCluster : OwnCluster {
  AskingCluster()
      : OwnCluster({.properties = properties(), .listeners = {"USER:SASL_PLAINTEXT"}}) {}

  static std::string properties() {
    return "sasl.enabled.mechanisms=SCRAM-SHA-512\n"
           "listener.name.user.scram-sha-512.sasl.jaas.config="
           "org.apache.kafka.common.security.scram.ScramLoginModule required;\n"
           "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
           "super.users=User:ANONYMOUS\n";
  }
};

class Denied : private AskingCluster, public OneGroup {
 protected:
  Denied() : OneGroup(own_cluster) {
    cluster_.tool({"configs", "--alter", "--add-config",
                   "SCRAM-SHA-512=[iterations=4096,password=secret]", "--entity-type", "users",
                   "--entity-name", "moult"});
  }

  DaemonSpec as_user() const {
    DaemonSpec daemon = spec();
    daemon.kafka.insert({{"security.protocol", "sasl_plaintext"},
                         {"sasl.mechanism", "SCRAM-SHA-512"},
                         {"sasl.username", "moult"},
                         {"sasl.password", "secret"}});
    daemon.kafka["bootstrap.servers"] = cluster_.bootstrap("USER");
    return daemon;
  }

  void allow(const std::string& operation, const std::string& what, const std::string& name) {
    cluster_.tool(
        {"acls", "--add", "--allow-principal", "User:moult", "--operation", operation, what, name});
  }
};

TEST_F(Denied, N8_ReadyComesAndGoesWithTheRightsToGroupAndTopic) {
  make_topic(1);
  send(10);
  allow("Describe", "--topic", topic_);
  const auto daemon = start(as_user());
  ASSERT_TRUE(daemon->wait_log("denied=true", kLong));
  EXPECT_TRUE(daemon->wait_log("hint=group-authorization", kLong));

  allow("Read", "--group", group_);
  ASSERT_TRUE(daemon->wait_log("unreadable_partitions=1 denied=false", kLong));
  EXPECT_TRUE(daemon->wait_log("hint=topic-authorization", kLong));
  EXPECT_TRUE(daemon->wait_log("ready again", kLong, 1));  // between the two

  allow("Read", "--topic", topic_);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_TRUE(daemon->wait_log("ready again", kLong, 2));
  stop_cleanly(*daemon);
}

}  // namespace
}  // namespace moult::testing
