#include "runtime/kafka/reach.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moult::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(BrokerAddresses, AreTakenOutOfAnyList) {
  EXPECT_THAT(broker_addresses("a:9096, b ,\n [::1]:1,[fe80::2]"),
              ElementsAre(BrokerAddress{"a", "9096"}, BrokerAddress{"b", "9092"},
                          BrokerAddress{"::1", "1"}, BrokerAddress{"fe80::2", "9092"}));
  EXPECT_THAT(broker_addresses("kafka+ssl://a:9096,SASL_SSL://me:s3cret@b:9097"),
              ElementsAre(BrokerAddress{"a", "9096"}, BrokerAddress{"b", "9097"}));
  EXPECT_THAT(broker_addresses(" , ,"), ElementsAre());
}

TEST(BrokerAddresses, AreShownAsLibrdkafkaTakesThem) {
  EXPECT_EQ((BrokerAddress{"a", "9096"}.to_string()), "a:9096");
  EXPECT_EQ((BrokerAddress{"::1", "1"}.to_string()), "[::1]:1");
}

TEST(BootstrapServers, MayGoByTheirOldName) {
  EXPECT_EQ(bootstrap_servers({{"metadata.broker.list", "a:1"}}), "a:1");
  EXPECT_EQ(bootstrap_servers({}), "");
}

TEST(Reach, ARefusedConnectionIsToldByItsAddress) {
  const auto addresses = resolve({"127.0.0.1", "1"}, Clock::now() + std::chrono::seconds(60));
  ASSERT_TRUE(addresses);
  EXPECT_EQ(addresses->front().text, "127.0.0.1");
  const auto connected = connect_to(*addresses, Clock::now() + std::chrono::seconds(60));
  ASSERT_FALSE(connected);
  EXPECT_THAT(connected.error().message, HasSubstr("127.0.0.1 failed: Connection refused"));
}

TEST(Reach, WhoHasNoTimeGetsAnErrorAtOnce) {
  const auto addresses = resolve({"127.0.0.1", "1"}, Clock::now() + std::chrono::seconds(60));
  ASSERT_TRUE(addresses);
  const auto connected = connect_to(*addresses, Clock::now() - std::chrono::seconds(1));
  ASSERT_FALSE(connected);
  const auto resolved =
      resolve({"no-such-host.invalid", "1"}, Clock::now() - std::chrono::seconds(1));
  ASSERT_FALSE(resolved);
  EXPECT_THAT(resolved.error().message, StartsWith("Failed to resolve"));
}

}  // namespace
}  // namespace moult::kafka
