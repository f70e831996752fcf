#include <fmt/format.h>

#include "runtime/kafka/client_config.h"
#include "tests/unit/config_fixture.h"

namespace moult {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kCertificate =
    "-----BEGIN CERTIFICATE-----\nMIIBclient\n-----END CERTIFICATE-----\n";
constexpr const char* kKey =
    "-----BEGIN EC PRIVATE KEY-----\nMHcsecret\n-----END EC PRIVATE KEY-----";
constexpr const char* kTwoAuthorities =
    "-----BEGIN CERTIFICATE-----\nMIIBone\n-----END CERTIFICATE-----\n"
    "-----BEGIN CERTIFICATE-----\nMIIBtwo\n-----END CERTIFICATE-----\n";

/// `top` lines, then one consumer with one handler; `kafka` of the consumer.
std::string config_with(const std::string& top, const std::string& kafka = "{}") {
  return top + "consumers:\n  - group: orders\n    kafka: " + kafka +
         "\n    handlers:\n      - {name: orders, plugin: orders.so, topics: [orders, ^ord.*], "
         "dead_letter: dead}\n";
}

class PresetTest : public ConfigTest {
 protected:
  PresetTest() { context_.check_kafka_property = kafka::check_property; }

  void use_heroku() {
    environment_["KAFKA_URL"] =
        "kafka+ssl://ec2-1.compute.amazonaws.com:9096,kafka+ssl://ec2-2.example.com:9096";
    environment_["KAFKA_CLIENT_CERT"] = kCertificate;
    environment_["KAFKA_CLIENT_CERT_KEY"] = kKey;
    environment_["KAFKA_TRUSTED_CERT"] = kTwoAuthorities;
    environment_["KAFKA_PREFIX"] = "smooth-1234.";
  }

  ConsumerConfig consumer(const std::string& top, const std::string& kafka = "{}") {
    const Config config = parse_good(config_with(top, kafka));
    if (config.consumers.empty()) return {};
    return config.consumers.front();
  }

  static std::string value(const ConsumerConfig& consumer, const std::string& name) {
    const auto found = consumer.kafka.find(name);
    return found == consumer.kafka.end() ? "(not set)" : found->second.value;
  }
};

TEST_F(PresetTest, HerokusVariablesBecomeProperties) {
  use_heroku();
  const ConsumerConfig heroku = consumer("preset: heroku\n");
  EXPECT_EQ(value(heroku, "bootstrap.servers"),
            "ec2-1.compute.amazonaws.com:9096,ec2-2.example.com:9096");
  EXPECT_EQ(value(heroku, "security.protocol"), "ssl");
  EXPECT_EQ(value(heroku, "ssl.certificate.pem"), kCertificate);
  EXPECT_EQ(value(heroku, "ssl.key.pem"), kKey);
  EXPECT_EQ(value(heroku, "ssl.ca.pem"), kTwoAuthorities);
  EXPECT_EQ(value(heroku, "ssl.endpoint.identification.algorithm"), "none");
  EXPECT_EQ(value(heroku, "enable.ssl.certificate.verification"), "true");
  EXPECT_EQ(heroku.kafka.at("bootstrap.servers").place.line, 1);
}

TEST_F(PresetTest, HerokusPrefixStandsOnceBeforeEveryName) {
  use_heroku();
  for (const char* const top :
       {"preset: heroku\n", "preset: heroku\ntopic_prefix: ${KAFKA_PREFIX:-}\n"}) {
    const Config config = parse_good(config_with(top));
    EXPECT_EQ(config.topic_prefix, "smooth-1234.");
    ASSERT_EQ(config.consumers.size(), 1U);
    EXPECT_EQ(config.consumers[0].group, "smooth-1234.orders");
    EXPECT_THAT(config.consumers[0].handlers.at(0).topics,
                ElementsAre("smooth-1234.orders", "^smooth-1234\\.ord.*"));
    EXPECT_EQ(config.consumers[0].handlers.at(0).dead_letter_topic, "smooth-1234.dead");
  }
  EXPECT_EQ(parse_good(config_with("preset: heroku\ntopic_prefix: ''\n")).consumers.at(0).group,
            "orders");
  environment_.erase("KAFKA_PREFIX");  // plans of one's own have none
  EXPECT_EQ(parse_good(config_with("preset: heroku\n")).consumers.at(0).group, "orders");
}

TEST_F(PresetTest, ANameThatHasThePrefixAlreadyIsRefused) {
  use_heroku();
  const std::string has =
      " has the prefix already, which the preset puts in front once; write the "
      "name without it";
  EXPECT_THAT(
      problems("preset: heroku\nconsumers:\n  - group: ${KAFKA_PREFIX}g\n    handlers:\n"
               "      - name: a\n        plugin: a.so\n        topics:\n"
               "          - ${KAFKA_PREFIX}a\n          - ^smooth-1234\\.b.*\n"
               "        dead_letter: smooth-1234.c\n"),
      ElementsAre("3:12: group '${KAFKA_PREFIX}g'" + has, "8:13: topic '${KAFKA_PREFIX}a'" + has,
                  "9:13: topic '^smooth-1234\\.b.*'" + has,
                  "10:22: dead-letter topic 'smooth-1234.c'" + has));
}

TEST_F(PresetTest, AMissingVariableIsNamedWithItsCureAtThePreset) {
  EXPECT_THAT(
      problems(config_with("kafka: {client.id: a}\npreset: heroku\n")),
      ElementsAre(
          "2:9: preset heroku: environment variable 'KAFKA_URL' is not set; Heroku's Kafka add-on "
          "sets it (heroku config:get KAFKA_URL shows it); elsewhere export it",
          HasSubstr("2:9: preset heroku: environment variable 'KAFKA_CLIENT_CERT' is not set"),
          HasSubstr("2:9: preset heroku: environment variable 'KAFKA_CLIENT_CERT_KEY' is not set"),
          HasSubstr("2:9: preset heroku: environment variable 'KAFKA_TRUSTED_CERT' is not set")));
}

TEST_F(PresetTest, OddUrlsAreRefused) {
  use_heroku();
  for (const char* const url :
       {"kafka+ssl://host:9096", "kafka://host:9096", "host:9096", " kafka+ssl://host:9096 "}) {
    environment_["KAFKA_URL"] = url;
    EXPECT_EQ(value(consumer("preset: heroku\n"), "bootstrap.servers"), "host:9096") << url;
  }
  for (const char* const url :
       {"https://host:9096", "kafka+ssl://host", "kafka+ssl://host:0", "kafka+ssl://host:99999",
        "kafka+ssl://:9096", "kafka+ssl://kafka+ssl://host:9096", "kafka+ssl://host:9096/",
        "kafka+ssl://user@host:9096", "kafka+ssl://a:1,,kafka+ssl://b:2", "KAFKA+SSL://host:1"}) {
    environment_["KAFKA_URL"] = url;
    EXPECT_THAT(problems(config_with("preset: heroku\n")),
                ElementsAre(HasSubstr("1:9: preset heroku: environment variable 'KAFKA_URL' has a "
                                      "URL that")))
        << url;
  }
}

TEST_F(PresetTest, OddCertificatesAreRefusedWithoutTheirText) {
  const auto complaint = [&](const std::string& variable, const std::string& text) {
    use_heroku();
    environment_[variable] = text;
    const auto found = problems(config_with("preset: heroku\n"));
    EXPECT_EQ(found.size(), 1U);
    return found.empty() ? "" : found.front();
  };
  EXPECT_THAT(complaint("KAFKA_CLIENT_CERT_KEY", "MHcsecret"),
              HasSubstr("'KAFKA_CLIENT_CERT_KEY' has no -----BEGIN …PRIVATE KEY----- in it"));
  EXPECT_THAT(complaint("KAFKA_CLIENT_CERT_KEY", kCertificate), HasSubstr("has no -----BEGIN"));
  EXPECT_THAT(complaint("KAFKA_CLIENT_CERT", kKey), HasSubstr("has no -----BEGIN"));
  EXPECT_THAT(complaint("KAFKA_TRUSTED_CERT", "-----BEGIN CERTIFICATE-----\nMIIBsecret\n"),
              HasSubstr("it is cut off"));
  const std::string line = "-----BEGIN CERTIFICATE----- MIIBsecret -----END CERTIFICATE-----";
  EXPECT_THAT(complaint("KAFKA_TRUSTED_CERT", line), HasSubstr("is one line; PEM text needs"));
  EXPECT_THAT(complaint("KAFKA_TRUSTED_CERT", line), Not(HasSubstr("secret")));
  EXPECT_THAT(complaint("KAFKA_TRUSTED_CERT", " \n"), HasSubstr("is empty"));
  EXPECT_THAT(complaint("KAFKA_PREFIX", "a b"), HasSubstr("'KAFKA_PREFIX' has characters other"));
}

TEST_F(PresetTest, WhatTheUserSetsWinsInEveryForm) {
  environment_["KAFKA_URL"] = "kafka+ssl://host:9096";
  // Nothing is asked for that the file makes needless.
  const ConsumerConfig own = consumer(
      "preset: heroku\nkafka: {ssl.ca.location: /ca.pem, ssl.keystore.location: /me.p12, "
      "ssl.endpoint.identification.algorithm: https}\n");
  EXPECT_EQ(value(own, "bootstrap.servers"), "host:9096");
  EXPECT_EQ(value(own, "ssl.ca.location"), "/ca.pem");
  for (const char* const name : {"ssl.ca.pem", "ssl.certificate.pem", "ssl.key.pem"}) {
    EXPECT_EQ(value(own, name), "(not set)") << name;
  }
  EXPECT_EQ(value(own, "ssl.endpoint.identification.algorithm"), "https");
  use_heroku();
  const ConsumerConfig consumers_own =
      consumer("preset: heroku\n", "{ssl.ca.location: /ca.pem, metadata.broker.list: 'h:1'}");
  EXPECT_EQ(value(consumers_own, "ssl.ca.pem"), "(not set)");
  EXPECT_EQ(value(consumers_own, "bootstrap.servers"), "(not set)");
  EXPECT_EQ(value(consumers_own, "ssl.key.pem"), kKey);
}

TEST_F(PresetTest, WhatContradictsThePresetIsRefused) {
  use_heroku();
  EXPECT_THAT(
      problems(config_with("preset: heroku\nkafka:\n  security.protocol: sasl_ssl\n",
                           "{security.protocol: SSL}")),
      ElementsAre("3:3: 'security.protocol' contradicts preset heroku, which is ssl; remove "
                  "one of them"));
  EXPECT_THAT(
      problems(config_with("preset: msk\nkafka: {bootstrap.servers: a, sasl.username: u, "
                           "sasl.password: p, sasl.mechanism: scram-sha-512}\n",
                           "{sasl.mechanism: SCRAM-SHA-256}")),
      ElementsAre(
          "5:13: 'sasl.mechanism' contradicts preset msk, which is SCRAM-SHA-512; remove one "
          "of them"));
  EXPECT_THAT(problems(config_with("preset: herokku\n", "{bootstrap.servers: a}")),
              ElementsAre("1:9: 'preset': 'herokku' is not known; did you mean 'heroku'?"));
}

TEST_F(PresetTest, MskIsScramByTls) {
  const std::string brokers =
      "kafka: {bootstrap.servers: 'b-1.o.a1.c2.kafka.eu-west-1.amazonaws.com:9096', ";
  const ConsumerConfig msk =
      consumer("preset: msk\n" + brokers + "sasl.username: u, sasl.password: p}\n");
  EXPECT_EQ(value(msk, "security.protocol"), "sasl_ssl");
  EXPECT_EQ(value(msk, "sasl.mechanisms"), "SCRAM-SHA-512");
  EXPECT_FALSE(msk.aws_iam);
  EXPECT_THAT(
      problems(config_with("preset: msk\n" + brokers + "sasl.username: u}\n")),
      ElementsAre("4:5: consumer has no 'sasl.password', which preset msk needs; set it under "
                  "'kafka' to what the cluster's secret in AWS Secrets Manager says"));
}

TEST_F(PresetTest, APortOfMskThatSpeaksSomethingElseIsNamed) {
  const auto complaints = [&](const std::string& preset, const std::string& port) {
    return problems(config_with("preset: " + preset +
                                    "\nkafka:\n  bootstrap.servers: b-2.o.a1.c2.kafka.eu-west-1." +
                                    "amazonaws.com" + port + "\n",
                                preset == "msk" ? "{sasl.username: u, sasl.password: p}" : "{}"));
  };
  EXPECT_THAT(complaints("msk", ":9092"),
              ElementsAre("3:3: 'bootstrap.servers' has port 9092, at which MSK speaks plaintext; "
                          "with preset msk it is 9096 (9196 from outside of its network)"));
  EXPECT_THAT(complaints("msk", ":9098"), ElementsAre(HasSubstr("MSK speaks IAM")));
  EXPECT_THAT(complaints("msk", ""),
              ElementsAre(HasSubstr("has no port; with preset msk it is 9096")));
  EXPECT_THAT(complaints("msk-iam", ":9096"),
              ElementsAre(HasSubstr("has port 9096, at which MSK speaks SASL/SCRAM; with preset "
                                    "msk-iam it is 9098")));
  for (const char* const good : {":9096", ":9196", ":14001"}) {
    EXPECT_THAT(complaints("msk", good), IsEmpty()) << good;
  }
  EXPECT_THAT(complaints("msk-iam", ":9098"), IsEmpty());
}

TEST_F(PresetTest, IamTakesItsRegionFromTheBrokersOrTheEnvironment) {
  const auto region = [&](const std::string& top) {
    const ConsumerConfig found = consumer("preset: msk-iam\n" + top);
    EXPECT_EQ(value(found, "sasl.mechanisms"), "OAUTHBEARER");
    EXPECT_EQ(value(found, "security.protocol"), "sasl_ssl");
    return found.aws_iam ? found.aws_iam->region : "(not set)";
  };
  const std::string msk =
      "kafka: {bootstrap.servers: 'b-1.o.a1.c2.kafka.eu-west-1.amazonaws.com:9098'}\n";
  const std::string elsewhere = "kafka: {bootstrap.servers: 'kafka.example.com:9098'}\n";
  environment_["AWS_REGION"] = "us-east-2";
  EXPECT_EQ(region(msk), "eu-west-1");
  for (const char* const other : {"vpce-0a.vpce-svc-0d.eu-west-1.vpce", "x.eu-west-1.elb"}) {
    EXPECT_EQ(region(fmt::format("kafka: {{bootstrap.servers: '{}.amazonaws.com:9098'}}\n", other)),
              "us-east-2")
        << other;
  }
  EXPECT_EQ(region(elsewhere), "us-east-2");
  EXPECT_EQ(region(msk + "aws: {region: ap-south-1, profile: team}\n"), "ap-south-1");
  EXPECT_EQ(consumer("preset: msk-iam\n" + msk + "aws: {profile: team}\n").aws_iam->profile,
            "team");
  environment_["AWS_REGION"] = "Nowhere!";
  EXPECT_THAT(problems(config_with("preset: msk-iam\n" + elsewhere)),
              ElementsAre(HasSubstr("1:9: preset msk-iam: what the brokers' names or AWS_REGION")));
  environment_.clear();
  EXPECT_THAT(
      problems(config_with("preset: msk-iam\n" + elsewhere)),
      ElementsAre("1:9: preset msk-iam: the brokers' names don't tell their AWS region; set "
                  "'aws: {region: …}' or AWS_REGION"));
  EXPECT_THAT(problems(config_with("preset: msk-iam\naws: {region: ../x}\n" + msk)),
              ElementsAre("2:15: 'region': '../x' is no AWS region, such as eu-west-1"));
}

TEST_F(PresetTest, IamMakesOtherCredentialsMeaningless) {
  EXPECT_THAT(
      problems(config_with("preset: msk-iam\naws: {region: eu-west-1}\nkafka:\n"
                           "  bootstrap.servers: a:1\n  sasl.oauthbearer.config: hush\n",
                           "{sasl.username: u}")),
      ElementsAre(
          "5:3: 'sasl.oauthbearer.config' has no place beside preset msk-iam, which makes its "
          "tokens of AWS credentials; remove one of them",
          HasSubstr("8:13: 'sasl.username' has no place")));
  EXPECT_THAT(problems(config_with("aws: {region: eu-west-1}\n", "{bootstrap.servers: a}")),
              ElementsAre("1:6: 'aws' is a part of 'preset: msk-iam'; remove it"));
}

TEST_F(PresetTest, TheExamplesAreGood) {
  use_heroku();
  environment_["MSK_USERNAME"] = "u";
  environment_["MSK_PASSWORD"] = "p";
  const std::map<std::string, std::string> ports = {
      {"heroku/moult.yaml", ""}, {"msk/scram.yaml", "9096"}, {"msk/iam.yaml", "9098"}};
  for (const auto& [file, port] : ports) {
    environment_["MSK_BROKERS"] = "b-1.o.a1.c2.kafka.eu-west-1.amazonaws.com:" + port;
    const auto config = load_config(std::string(MOULT_SOURCE_DIR "/config/") + file, context_);
    EXPECT_TRUE(config) << config.error().front().to_string();
  }
}

TEST_F(PresetTest, TheEffectiveConfigLoadsAgainAndShowsNoSecret) {
  use_heroku();
  const Config heroku = parse_good(config_with("preset: heroku\n"));
  const std::string text = describe_config(heroku);
  for (const char* const secret : {"MIIB", "MHc", "secret", "BEGIN"}) {
    EXPECT_THAT(text, Not(HasSubstr(secret)));
  }
  EXPECT_THAT(text, HasSubstr("\"ssl.key.pem\": \"[redacted]\""));
  EXPECT_EQ(parse_good(text).consumers.at(0).group, "smooth-1234.orders");
  environment_.clear();
  const Config iam =
      parse_good(config_with("preset: msk-iam\naws: {region: eu-west-1, profile: team}\nkafka: "
                             "{bootstrap.servers: 'a:1'}\n"));
  const Config again = parse_good(describe_config(iam));
  EXPECT_EQ(again.consumers.at(0).aws_iam, iam.consumers.at(0).aws_iam);
  EXPECT_EQ(describe_config(again), describe_config(iam));
}

}  // namespace
}  // namespace moult
