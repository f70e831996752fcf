#include "runtime/kafka/client_config.h"
#include "runtime/kafka/property_names.h"
#include "runtime/kafka/version.h"
#include "tests/unit/config_fixture.h"

namespace moult {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kHandlers = "handlers: [{name: a, plugin: a.so, topics: [a]}]";

class ConfigKafkaTest : public ConfigTest {};

TEST_F(ConfigKafkaTest, AConsumersPropertiesOverrideTheGlobalOnes) {
  const Config config = parse_good(std::string("kafka:\n"
                                               "  bootstrap.servers: one\n"
                                               "  fetch.min.bytes: 100\n"
                                               "  check.crcs: true\n"
                                               "consumers:\n"
                                               "  - group: g\n"
                                               "    kafka: {bootstrap.servers: two}\n"
                                               "    ") +
                                   kHandlers + "\n");
  const KafkaProperties& properties = config.consumers.at(0).kafka;
  ASSERT_EQ(properties.size(), 3U);
  EXPECT_EQ(properties.at("bootstrap.servers").value, "two");
  EXPECT_EQ(properties.at("bootstrap.servers").place.line, 7);
  EXPECT_EQ(properties.at("bootstrap.servers").place.column, 13);
  EXPECT_EQ(properties.at("fetch.min.bytes").value, "100");
  EXPECT_EQ(properties.at("fetch.min.bytes").place.line, 3);
  EXPECT_EQ(properties.at("check.crcs").value, "true");
}

TEST_F(ConfigKafkaTest, AConsumersPropertyOverridesAGlobalOneOfAnotherName) {
  context_.other_kafka_names = [](std::string_view name) {
    return kafka::other_names(kafka::property_aliases(), name);
  };
  const Config config = parse_good(std::string("kafka: {metadata.broker.list: one, linger.ms: 1}\n"
                                               "consumers:\n"
                                               "  - group: g\n"
                                               "    kafka: {bootstrap.servers: two}\n"
                                               "    ") +
                                   kHandlers + "\n");
  const KafkaProperties& properties = config.consumers.at(0).kafka;
  EXPECT_EQ(properties.size(), 2U);
  EXPECT_EQ(properties.at("bootstrap.servers").value, "two");
  EXPECT_EQ(properties.at("linger.ms").value, "1");
}

TEST_F(ConfigKafkaTest, EveryPropertyIsCheckedOnceAtItsPlace) {
  context_.check_kafka_property = [](std::string_view name, std::string_view value) {
    return value == "bad" ? std::optional<std::string>(std::string(name) + "!") : std::nullopt;
  };
  EXPECT_THAT(problems(std::string("kafka:\n"
                                   "  bootstrap.servers: good\n"
                                   "  a: bad\n"
                                   "consumers:\n"
                                   "  - {group: g, kafka: {b: bad}, ") +
                       kHandlers +
                       "}\n"
                       "  - {group: h, handlers: [{name: b, plugin: a.so, topics: [a]}]}\n"),
              ElementsAre("3:3: a!", "5:24: b!"));
}

TEST_F(ConfigKafkaTest, AMistypedPropertyIsNamedWithTheOneThatWasMeant) {
  context_.check_kafka_property = kafka::check_property;
  EXPECT_THAT(problems("kafka:\n"
                       "  bootstrap.servers: b\n"
                       "  sesion.timeout.ms: 6000\n"
                       "consumers: [{group: g, " +
                       std::string(kHandlers) + "}]\n"),
              ElementsAre("3:3: librdkafka " + kafka::loaded_version() +
                          " has no property 'sesion.timeout.ms'; did you mean "
                          "'session.timeout.ms'?"));
}

TEST_F(ConfigKafkaTest, TheCheckerSeesWhatTheVariableHolds) {
  environment_["RESET"] = "latest";
  std::string seen;
  context_.check_kafka_property = [&seen](std::string_view name, std::string_view value) {
    if (name == "auto.offset.reset") seen = value;
    return std::optional<std::string>();
  };
  parse_good(
      "kafka: {bootstrap.servers: b, auto.offset.reset: \"${RESET}\"}\n"
      "consumers: [{group: g, " +
      std::string(kHandlers) + "}]\n");
  EXPECT_EQ(seen, "latest");
}

TEST_F(ConfigKafkaTest, ACheckerThatRepeatsASecretIsSilenced) {
  environment_["PASSWORD"] = "hunter2";
  context_.check_kafka_property = [](std::string_view, std::string_view value) {
    return std::optional<std::string>("wrong: " + std::string(value));
  };
  EXPECT_THAT(problems("kafka: {bootstrap.servers: b, sasl.password: \"${PASSWORD}\"}\n"
                       "consumers: [{group: g, " +
                       std::string(kHandlers) + "}]\n"),
              ElementsAre("1:9: wrong: b", "1:31: 'sasl.password' does not have this value"));
}

TEST_F(ConfigKafkaTest, PropertiesAreSingleValues) {
  EXPECT_THAT(problems("kafka:\n"
                       "  bootstrap.servers: [a, b]\n"
                       "  ssl.ca.pem:\n"
                       "  client.id: a\n"
                       "  client.id: b\n"
                       "  rack: \"a\\0b\"\n"
                       "consumers: [{group: g, " +
                       std::string(kHandlers) + "}]\n"),
              ElementsAre("2:3: 'bootstrap.servers' must be one value, not a list",
                          "3:3: 'ssl.ca.pem' must be one value, not empty",
                          "5:3: duplicate key 'client.id' in kafka; the first is at line 4",
                          "6:3: 'rack' holds a NUL character"));
}

TEST_F(ConfigKafkaTest, ABrokersEntryWithCredentialsIsRefusedAndNotRepeated) {
  EXPECT_THAT(problems("kafka: {bootstrap.servers: 'kafka://me:hidden@b:9092'}\n"
                       "consumers: [{group: g, " +
                       std::string(kHandlers) + "}]\n"),
              ElementsAre("1:9: 'bootstrap.servers' holds a user or password: an entry is "
                          "HOST:PORT; they belong into sasl.username and sasl.password"));
}

TEST_F(ConfigKafkaTest, BrokersAreRequired) {
  EXPECT_THAT(problems("consumers: [{group: g, " + std::string(kHandlers) + "}]\n"),
              ElementsAre("1:13: consumer has no 'bootstrap.servers'; set it under 'kafka', for "
                          "all consumers at the top level or for this one"));
  EXPECT_THAT(problems("consumers: [{group: g, kafka: {metadata.broker.list: b}, " +
                       std::string(kHandlers) + "}]\n"),
              IsEmpty());
}

TEST_F(ConfigKafkaTest, KnowsSecretProperties) {
  for (const char* const name :
       {"sasl.password", "ssl.key.password", "ssl.key.pem", "ssl.certificate.pem", "ssl.ca.pem",
        "ssl.keystore.password", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config",
        "sasl.jaas.config", "SASL.Password", "sasl.oauthbearer.token.endpoint.url", "ssl_key",
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.oauthbearer.assertion.private.key.pem"}) {
    EXPECT_TRUE(is_secret_property(name)) << name;
  }
  for (const char* const name :
       {"bootstrap.servers", "sasl.username", "ssl.key.location", "ssl.keystore.location",
        "sasl.oauthbearer.assertion.private.key.file", "group.id", "fetch.min.bytes", ""}) {
    EXPECT_FALSE(is_secret_property(name)) << name;
  }
}

TEST_F(ConfigKafkaTest, WhatHasNoDefaultMustBeChosen) {
  context_.required_kafka_properties = {{"auto.offset.reset", "say what to do"}};
  EXPECT_THAT(problems(with_handler_lines("")),
              ElementsAre("4:5: consumer has no 'auto.offset.reset' under 'kafka', and it has no "
                          "default: say what to do"));
}

}  // namespace
}  // namespace moult
