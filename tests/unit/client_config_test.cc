#include "runtime/kafka/client_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "runtime/kafka/property_names.h"
#include "runtime/kafka/version.h"

namespace moult::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string value_of(const ClientConf& conf, const char* name) {
  std::array<char, 256> value{};
  std::size_t size = value.size();
  EXPECT_EQ(rd_kafka_conf_get(conf.get(), name, value.data(), &size), RD_KAFKA_CONF_OK) << name;
  return value.data();
}

TEST(CheckProperty, AcceptsWhatLibrdkafkaKnows) {
  EXPECT_EQ(check_property("session.timeout.ms", "6000"), std::nullopt);
  EXPECT_EQ(check_property("auto.offset.reset", "earliest"), std::nullopt);
}

TEST(CheckProperty, RefusesWhatLoadsOrRunsCode) {
  for (const char* name : {"plugin.library.paths", "ssl.engine.location", "ssl.providers",
                           "sasl.kerberos.kinit.cmd"}) {
    EXPECT_THAT(check_property(name, "x").value_or(""), HasSubstr("refused")) << name;
  }
}

TEST(CheckProperty, NamesTheCureOfWhatTheRuntimeOwns) {
  EXPECT_THAT(check_property("group.id", "x").value_or(""), HasSubstr("`group`"));
  EXPECT_THAT(check_property("enable.auto.commit", "true").value_or(""),
              HasSubstr("commit_interval"));
}

TEST(CheckProperty, NamesTheLibraryThatLacksAProperty) {
  const auto problem = check_property("no.such.property", "x");
  EXPECT_THAT(problem.value_or(""), HasSubstr(loaded_version()));
}

TEST(CheckProperty, NamesThePropertyThatWasMeant) {
  const std::string has_none = "librdkafka " + loaded_version() + " has no property ";
  EXPECT_EQ(check_property("sesion.timeout.ms", "6000"),
            has_none + "'sesion.timeout.ms'; did you mean 'session.timeout.ms'?");
  // Without a value in a new configuration, an alias, and one of the topic's.
  EXPECT_EQ(check_property("sasl.pasword", "hunter2"),
            has_none + "'sasl.pasword'; did you mean 'sasl.password'?");
  EXPECT_EQ(check_property("bootstrap.server", "b"),
            has_none + "'bootstrap.server'; did you mean 'bootstrap.servers'?");
  EXPECT_EQ(check_property("auto.ofset.reset", "earliest"),
            has_none + "'auto.ofset.reset'; did you mean 'auto.offset.reset'?");
}

TEST(CheckProperty, AsksForNothingThatAConfigCantSet) {
  EXPECT_EQ(check_property("rebalance_cbb", "x"),
            "librdkafka " + loaded_version() + " has no property 'rebalance_cbb'");
  EXPECT_EQ(check_property("Propertyy", "x"),
            "librdkafka " + loaded_version() + " has no property 'Propertyy'");
}

TEST(PropertyNames, AreAllKnownToLibrdkafka) {
  const std::vector<std::string> names = property_names();
  EXPECT_GT(names.size(), 100U);
  for (const std::string& name : names) {
    EXPECT_THAT(check_property(name, "").value_or(""), Not(HasSubstr("has no property"))) << name;
  }
}

TEST(PropertyNames, OfOneProperty) {
  const PropertyAliases aliases = property_aliases();
  EXPECT_THAT(other_names(aliases, "bootstrap.servers"), ElementsAre("metadata.broker.list"));
  EXPECT_THAT(other_names(aliases, "metadata.broker.list"), ElementsAre("bootstrap.servers"));
  EXPECT_THAT(other_names(aliases, "sasl.mechanism"), ElementsAre("sasl.mechanisms"));
  EXPECT_THAT(other_names(aliases, "message.timeout.ms"), ElementsAre("delivery.timeout.ms"));
  EXPECT_THAT(other_names(aliases, "client.id"), IsEmpty());
}

TEST(ProducerConf, AUsersTimeWinsUnderEitherName) {
  for (const char* name : {"message.timeout.ms", "delivery.timeout.ms"}) {
    const auto conf = producer_conf({{name, "7000"}});
    ASSERT_TRUE(conf.has_value());
    EXPECT_EQ(value_of(*conf, "message.timeout.ms"), "7000") << name;
  }
  EXPECT_EQ(value_of(*producer_conf({}), "message.timeout.ms"), "30000");
}

TEST(ProducerConf, ATransactionsTimesAreNoUsers) {
  const auto conf = transactional_producer_conf(
      "id", {{"delivery.timeout.ms", "70000"}, {"socket.timeout.ms", "70000"}});
  ASSERT_TRUE(conf.has_value());
  EXPECT_EQ(value_of(*conf, "message.timeout.ms"), "15000");
  EXPECT_EQ(value_of(*conf, "socket.timeout.ms"), "60000");
}

TEST(ConsumerConf, TheNewProtocolHasNoStrategyHoweverItIsWritten) {
  for (const char* protocol : {"consumer", "CONSUMER"}) {
    const auto conf = consumer_conf("orders", {{"group.protocol", protocol}});
    if (!conf) continue;  // an old librdkafka
    EXPECT_EQ(value_of(*conf, "partition.assignment.strategy"), "range,roundrobin") << protocol;
  }
}

TEST(CheckProperty, NeverRepeatsAValue) {
  const auto problem = check_property("security.protocol", "hunter2");
  EXPECT_THAT(problem.value_or(""), HasSubstr("security.protocol"));
  EXPECT_THAT(problem.value_or(""), Not(HasSubstr("hunter2")));
}

TEST(ConsumerConf, TheRuntimesOwnWinsOverTheUser) {
  const auto conf = consumer_conf("orders", {{"enable.auto.commit", "true"}});
  ASSERT_TRUE(conf.has_value());
  EXPECT_EQ(value_of(*conf, "enable.auto.commit"), "false");
  EXPECT_EQ(value_of(*conf, "enable.auto.offset.store"), "false");
  EXPECT_EQ(value_of(*conf, "enable.partition.eof"), "true");
  EXPECT_EQ(value_of(*conf, "group.id"), "orders");
}

TEST(ConsumerConf, TheUserWinsOverTheDefaults) {
  const auto conf = consumer_conf(
      "orders", {{"client.id", "mine"}, {"partition.assignment.strategy", "roundrobin"}});
  ASSERT_TRUE(conf.has_value());
  EXPECT_EQ(value_of(*conf, "client.id"), "mine");
  EXPECT_EQ(value_of(*conf, "partition.assignment.strategy"), "roundrobin");
}

TEST(ConsumerConf, CooperativeOnlyWhereItIsSafe) {
  const auto conf = consumer_conf("orders", {});
  ASSERT_TRUE(conf.has_value());
  const bool safe = loaded_version_number() >= kCooperativeIsSafe;
  EXPECT_EQ(value_of(*conf, "partition.assignment.strategy"),
            safe ? "cooperative-sticky" : "range");
}

}  // namespace
}  // namespace moult::kafka
