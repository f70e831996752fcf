#include "runtime/kafka/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <set>
#include <string>
#include <vector>

#include "runtime/kafka/hints.h"

namespace moult::kafka {
namespace {

using ::testing::ElementsAre;

std::string name_of(int code, std::string_view text) {
  const Diagnosis* diagnosis = diagnose(code, text);
  return diagnosis == nullptr ? "-" : std::string(diagnosis->name);
}

TEST(Diagnoses, EachAilmentHasARowAndEachRowSaysWhatWhyAndWhatToDo) {
  std::set<std::string_view> names;
  for (const Diagnosis& row : diagnoses()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.what.empty() || row.why.empty() || row.cure.empty()) << row.name;
    EXPECT_EQ(&diagnosis_of(row.ailment), &row);
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Ailment::kNoMember) + 1);
}

// The texts are librdkafka's: of 2.0 and of 2.14 where they differ.

TEST(Diagnose, TellsAMissingTokenFromOneThatIsRefused) {
  EXPECT_EQ(name_of(RD_KAFKA_RESP_ERR__AUTHENTICATION,
                    "Failed to acquire SASL OAUTHBEARER token: Connection refused"),
            "no-token");
  EXPECT_EQ(name_of(RD_KAFKA_RESP_ERR__AUTHENTICATION, "SASL authentication error: denied"),
            "authentication");
}

TEST(Diagnose, KnowsAListOfBrokersThatIsNone) {
  EXPECT_EQ(name_of(0, "error:0A000102:SSL routines::unsupported protocol"), "-");
  EXPECT_EQ(name_of(0,
                    "Broker name \"kafka+ssl://b:9096\" parse error: unsupported protocol "
                    "\"KAFKA+SSL\""),
            "unsupported-protocol");
  EXPECT_EQ(name_of(0,
                    "Broker name \"ssl://b:9096\" parse error: protocol \"SSL\" does not match "
                    "security.protocol setting \"PLAINTEXT\""),
            "other-protocol");
}

TEST(Diagnose, KnowsWhatKeepsFromConnecting) {
  const int transport = RD_KAFKA_RESP_ERR__TRANSPORT;
  EXPECT_EQ(name_of(transport,
                    "sasl_ssl://b:9092/bootstrap: Connection setup timed out in state "
                    "CONNECT (after 30037ms in state CONNECT)"),
            "connect-timeout");
  EXPECT_EQ(name_of(transport,
                    "ssl://b:9092/bootstrap: Connection setup timed out in state "
                    "SSL_HANDSHAKE (after 30037ms in state SSL_HANDSHAKE)"),
            "handshake-timeout");
  EXPECT_EQ(name_of(transport,
                    "b:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection "
                    "refused (after 0ms in state CONNECT)"),
            "connect-refused");
  EXPECT_EQ(name_of(RD_KAFKA_RESP_ERR__RESOLVE,
                    "b:1/bootstrap: Failed to resolve 'b:1': Name or "
                    "service not known"),
            "no-such-host");
}

TEST(Diagnose, KnowsListenersThatExpectSomethingElse) {
  const int transport = RD_KAFKA_RESP_ERR__TRANSPORT;
  for (const char* text :
       {"Disconnected while requesting ApiVersion: might be caused by incorrect security.protocol "
        "configuration (connecting to a SSL listener?) or broker version is < 0.10",
        "Disconnected: connection closed by peer: receive 0 after POLLIN: requesting ApiVersion: "
        "might be caused by incorrect security.protocol configuration"}) {
    EXPECT_EQ(name_of(transport, text), "tls-listener");
  }
  EXPECT_EQ(name_of(RD_KAFKA_RESP_ERR__SSL,
                    "SSL handshake failed: Disconnected: connecting to a "
                    "PLAINTEXT broker listener? (after 2ms in state "
                    "SSL_HANDSHAKE)"),
            "plaintext-listener");
  EXPECT_EQ(name_of(transport,
                    "Disconnected: verify that security.protocol is correctly "
                    "configured, broker might require SASL authentication"),
            "sasl-listener");
  EXPECT_EQ(name_of(RD_KAFKA_RESP_ERR__SSL,
                    "SSL handshake failed: error:0A000086:SSL routines::"
                    "certificate verify failed: broker certificate could "
                    "not be verified"),
            "certificate");
}

TEST(Diagnose, TellsAWrongPasswordFromAWrongMechanism) {
  const int code = RD_KAFKA_RESP_ERR__AUTHENTICATION;
  EXPECT_EQ(name_of(code,
                    "SASL authentication error: Authentication failed during authentication "
                    "due to invalid credentials with SASL mechanism SCRAM-SHA-512 (after "
                    "312ms in state AUTH_REQ, 1 identical error(s) suppressed)"),
            "authentication");
  EXPECT_EQ(name_of(code,
                    "SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL "
                    "mechanism: broker's supported mechanisms: SCRAM-SHA-512"),
            "mechanism");
}

TEST(Diagnose, TakesABrokersWordWhateverTheText) {
  EXPECT_EQ(name_of(RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, "Connection refused"),
            "replication-factor");
  EXPECT_EQ(name_of(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ""), "topic-authorization");
  EXPECT_EQ(name_of(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ""), "group-authorization");
  EXPECT_EQ(name_of(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ""), "no-such-topic");
}

TEST(Diagnose, TellsAnOffsetThatIsGoneFromOneThatNeverWas) {
  EXPECT_EQ(name_of(RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET,
                    "no previously committed offset available: Local: No offset stored"),
            "no-offset");
  EXPECT_EQ(name_of(RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET,
                    "fetch failed due to requested offset not available on the broker: Broker: "
                    "Offset out of range (broker 1)"),
            "offset-gone");
}

TEST(Diagnose, SaysNothingWhereItKnowsNothing) {
  EXPECT_EQ(name_of(RD_KAFKA_RESP_ERR_NO_ERROR, "all is well"), "-");
  EXPECT_EQ(name_of(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "1/1 brokers are down"), "-");
  EXPECT_EQ(name_of(RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, ""), "-");
}

class KeptHints : public LogSink {
 public:
  bool enabled(Component, Severity) const noexcept override { return true; }
  void write(Component, Severity, std::string_view,
             std::span<const Field> fields) noexcept override {
    for (const Field& field : fields) {
      if (field.key == "hint") kept.emplace_back(std::get<std::string_view>(field.value));
    }
  }

  std::vector<std::string> kept;
};

TEST(Hints, AreGivenOnceUntilThingsChange) {
  KeptHints log;
  Hints hints(Logger(log, Component::kKafka), "group", "orders");
  for (int i = 0; i < 1'000; ++i) {
    hints.on_symptom(RD_KAFKA_RESP_ERR__TRANSPORT, "Connection refused");
    hints.on_symptom(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "");
    hints.on_symptom(RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, "");
  }
  EXPECT_THAT(log.kept, ElementsAre("connect-refused", "topic-authorization"));
  hints.forget();
  hints.on_symptom(RD_KAFKA_RESP_ERR__TRANSPORT, "Connection refused");
  EXPECT_THAT(log.kept, ElementsAre("connect-refused", "topic-authorization", "connect-refused"));
}

}  // namespace
}  // namespace moult::kafka
