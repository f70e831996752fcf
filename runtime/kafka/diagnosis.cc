#include "runtime/kafka/diagnosis.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>

#include "runtime/base/check.h"
#include "runtime/kafka/errors.h"

namespace moult::kafka {
namespace {

constexpr std::array kDiagnoses = {
    Diagnosis{
        Ailment::kUnsupportedProtocol, "unsupported-protocol",
        "a broker's address begins with a protocol that Kafka clients don't know",
        "the address was taken as a service hands it out (Heroku's KAFKA_URL begins each host "
        "with kafka+ssl://); this host and those behind it are not used",
        "write host:port alone in bootstrap.servers, and the protocol in security.protocol"},
    Diagnosis{Ailment::kOtherProtocol, "other-protocol",
              "a broker's address names another protocol than security.protocol",
              "this host and those behind it are not used",
              "write host:port alone in bootstrap.servers, and the protocol in security.protocol"},
    Diagnosis{
        Ailment::kNoSuchHost, "no-such-host", "a broker's name has no address",
        "the name is misspelt, or this machine's DNS does not know it (names of a private "
        "network resolve only inside of it)",
        "compare bootstrap.servers with the cluster's own list of endpoints; try `getent hosts "
        "NAME` on this machine"},
    Diagnosis{
        Ailment::kConnectTimeout, "connect-timeout", "a broker can't be reached",
        "nothing answers at its address and port: a wrong port, or a firewall, security group "
        "or route that drops the connection (their changes can take minutes)",
        "check host and port (AWS MSK: 9096 for SASL_SSL with SCRAM, 9094 for SSL, 9092 for "
        "PLAINTEXT), and that this machine may connect there"},
    Diagnosis{Ailment::kConnectRefused, "connect-refused", "a broker's machine refuses connections",
              "nothing listens at that port: a wrong port, or the broker is down",
              "check host and port, and that the broker runs"},
    Diagnosis{Ailment::kHandshakeTimeout, "handshake-timeout",
              "a broker takes the connection and then says nothing",
              "what listens there is no Kafka broker, or one that hangs, or one that waits for "
              "another security.protocol",
              "check the port and security.protocol; look at the broker's log"},
    Diagnosis{
        Ailment::kTlsListener, "tls-listener", "a broker ends the connection at its first request",
        "most likely its listener speaks TLS and security.protocol does not",
        "set security.protocol to ssl or sasl_ssl, or use the port of the plaintext listener"},
    Diagnosis{Ailment::kPlainListener, "plaintext-listener", "a broker ends the TLS handshake",
              "most likely its listener is a plaintext one and security.protocol asks for TLS",
              "use the port of the TLS listener, or set security.protocol to plaintext or "
              "sasl_plaintext"},
    Diagnosis{Ailment::kSaslListener, "sasl-listener",
              "a broker ends the connection of a client without a name",
              "its listener asks for SASL and security.protocol does not",
              "set security.protocol to sasl_ssl or sasl_plaintext, with sasl.mechanism, "
              "sasl.username and sasl.password"},
    Diagnosis{Ailment::kCertificate, "certificate", "a broker's certificate is not accepted",
              "it is signed by an authority that is not trusted here, has ended, or is made out to "
              "another host name",
              "point ssl.ca.location or ssl.ca.pem to the cluster's authority; where certificates "
              "don't carry host names (Heroku), set ssl.endpoint.identification.algorithm to none"},
    Diagnosis{Ailment::kClientCertificate, "client-certificate",
              "a broker does not accept our certificate",
              "it wants a client certificate and has got none, or one that is signed by another "
              "authority or has ended",
              "set ssl.certificate.pem and ssl.key.pem (or the .location of both) to the pair that "
              "the cluster gave out"},
    Diagnosis{Ailment::kPem, "pem", "a key or certificate of the configuration can't be read",
              "the file is missing, or the text is no PEM: cut off, or its line ends were lost on "
              "the way through an environment variable",
              "compare it with the original: the lines with BEGIN and END stand alone"},
    Diagnosis{Ailment::kMechanism, "mechanism", "a broker does not offer this SASL mechanism",
              "sasl.mechanism is another one than its listener has",
              "set sasl.mechanism to one that the broker names (AWS MSK: SCRAM-SHA-512)"},
    Diagnosis{
        Ailment::kAuthentication, "authentication", "a broker refuses our user or password",
        "the credentials are wrong, or the cluster does not know them yet: AWS MSK takes "
        "minutes to read a new secret, also when it says that it is active",
        "check sasl.username and sasl.password, and that the secret is associated with the "
        "cluster (by IAM: the role's policy, the region, this machine's clock); then wait some "
        "minutes, the daemon goes on trying by itself"},
    Diagnosis{
        Ailment::kNoToken, "no-token", "there is no token to show to the brokers",
        "no AWS credentials were found, or whoever gives them did not answer",
        "look at what the error names: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, "
        "or the role of the container or instance; the daemon goes on trying by itself"},
    Diagnosis{Ailment::kReplicationFactor, "replication-factor",
              "the brokers can't make topics: invalid replication factor",
              "default.replication.factor is larger than the number of brokers that are there (on "
              "AWS MSK: than the number of zones)",
              "set default.replication.factor to the number of brokers or zones at most, or make "
              "the topic yourself with a factor that fits"},
    Diagnosis{
        Ailment::kTopicAuthorization, "topic-authorization", "our user may not use a topic",
        "no ACL lets it (Describe and Read are needed), or the name lacks the prefix that the "
        "ACLs are for: in shared clusters all topics begin with it (Heroku: KAFKA_PREFIX)",
        "set topic_prefix, or have Read on the topic granted to this user"},
    Diagnosis{
        Ailment::kGroupAuthorization, "group-authorization", "our user may not use the group",
        "no ACL lets it (Read is needed), or the name lacks the prefix that the ACLs are for, "
        "or the group was not made beforehand (Heroku)",
        "set topic_prefix; on Heroku run `heroku kafka:consumer-groups:create NAME` with the "
        "name less the prefix; else have Read on the group granted to this user"},
    Diagnosis{Ailment::kClusterAuthorization, "cluster-authorization",
              "our user may not do that on the cluster",
              "no ACL lets it; for dead letters and what handlers produce, Write on the topics is "
              "needed (before Kafka 2.8 IdempotentWrite on the cluster as well)",
              "have the operation granted to this user"},
    Diagnosis{Ailment::kNoSuchTopic, "no-such-topic", "a topic does not exist",
              "nobody has made it yet, or the name is misspelt, or lacks topic_prefix or has it "
              "twice; brokers that should make it by themselves can't when "
              "default.replication.factor is larger than their number",
              "make the topic, or correct `topics` and topic_prefix; it is consumed as soon as it "
              "exists"},
    Diagnosis{Ailment::kPrefix, "prefix", "nothing is consumed: a prefix seems to be missing",
              "the cluster knows this name with something in front of it (Heroku: KAFKA_PREFIX)",
              "set topic_prefix to it: it goes before topics, groups and dead-letter topics"},
    Diagnosis{Ailment::kNoOffset, "no-offset", "nothing is consumed: the group has no offset",
              "auto.offset.reset is error, and the group has never committed here",
              "set auto.offset.reset to earliest or latest, or give the group its offsets"},
    Diagnosis{
        Ailment::kOffsetGone, "offset-gone", "the group's offset is not in the partition any more",
        "retention took the records before they were consumed, or the topic was made anew; "
        "auto.offset.reset decides where consuming goes on",
        "reset the group's offsets, or leave it to auto.offset.reset; give the topic a longer "
        "retention"},
    Diagnosis{
        Ailment::kNewGroup, "new-group", "the group has never committed an offset",
        "it is new, or its name is another one than before; it begins where auto.offset.reset "
        "says: with latest it sees only what is produced from now on",
        "if it is not new, check `group` and topic_prefix"},
    Diagnosis{Ailment::kNothingNew, "nothing-new", "there is nothing to consume",
              "the group is at the end of its topics (lag 0): everything that was produced is "
              "consumed",
              "nothing, if no records are expected; else check that the producer writes to these "
              "topics (and the same topic_prefix)"},
    Diagnosis{Ailment::kNoMember, "no-member", "nobody consumes: the group has no member",
              "no daemon of this group is running, or none has got in",
              "start it; if it runs, see its log"},
};

struct Sign {
  std::string_view text;
  Ailment ailment;
  std::string_view state = {};  // of the connection, where it makes the difference

  bool in(std::string_view symptom) const {
    return symptom.find(text) != symptom.npos && symptom.find(state) != symptom.npos;
  }
};

// In this order: to much that ends a connection early, librdkafka adds its guess at the listener.
// To some it does not, depending on who closed first.
constexpr std::array kSigns = {
    // What follows in this text is not librdkafka's.
    Sign{"acquire SASL OAUTHBEARER token", Ailment::kNoToken},
    Sign{"alert certificate required", Ailment::kClientCertificate},
    Sign{"alert bad certificate", Ailment::kClientCertificate},
    Sign{"alert unknown ca", Ailment::kClientCertificate},
    Sign{"alert certificate unknown", Ailment::kClientCertificate},
    Sign{"unsupported protocol \"", Ailment::kUnsupportedProtocol},
    Sign{"does not match security.protocol", Ailment::kOtherProtocol},
    Sign{"timed out in state CONNECT", Ailment::kConnectTimeout},
    Sign{"Connection setup timed out", Ailment::kHandshakeTimeout},
    Sign{"Connection refused", Ailment::kConnectRefused},
    Sign{"Failed to resolve", Ailment::kNoSuchHost},
    Sign{"requesting ApiVersion", Ailment::kTlsListener},
    Sign{"connecting to a PLAINTEXT broker", Ailment::kPlainListener},
    Sign{"broker might require SASL", Ailment::kSaslListener},
    Sign{"Disconnected", Ailment::kTlsListener, "in state APIVERSION_QUERY"},
    Sign{"Disconnected", Ailment::kPlainListener, "in state SSL_HANDSHAKE"},
    Sign{"certificate verify failed", Ailment::kCertificate},
    Sign{"not in PEM format", Ailment::kPem},
    Sign{"ssl.ca.", Ailment::kPem},
    Sign{"ssl.certificate.", Ailment::kPem},
    Sign{"ssl.key.", Ailment::kPem},
    Sign{"mechanism handshake failed", Ailment::kMechanism},
    Sign{"SASL authentication error", Ailment::kAuthentication},
};

struct Verdict {
  int code;
  Ailment ailment;
};

constexpr std::array kVerdicts = {
    Verdict{RD_KAFKA_RESP_ERR__RESOLVE, Ailment::kNoSuchHost},
    Verdict{RD_KAFKA_RESP_ERR__AUTHENTICATION, Ailment::kAuthentication},
    Verdict{RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, Ailment::kAuthentication},
    Verdict{RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, Ailment::kMechanism},
    Verdict{RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, Ailment::kReplicationFactor},
    Verdict{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, Ailment::kTopicAuthorization},
    Verdict{RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, Ailment::kGroupAuthorization},
    Verdict{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, Ailment::kClusterAuthorization},
    Verdict{RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, Ailment::kNoSuchTopic},
    Verdict{RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, Ailment::kNoSuchTopic},
    Verdict{RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, Ailment::kNoOffset},
    Verdict{RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, Ailment::kOffsetGone},
};

/// Librdkafka's own codes for a connection that failed say little; its text says more.
bool told_by_text(int code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::span<const Diagnosis> diagnoses() { return kDiagnoses; }

const Diagnosis& diagnosis_of(Ailment ailment) {
  const auto at = std::ranges::find(kDiagnoses, ailment, &Diagnosis::ailment);
  MOULT_CHECK(at != kDiagnoses.end(), "an ailment without a row in the table");
  return *at;
}

const Diagnosis* diagnose(int code, std::string_view text) {
  if (told_by_text(code)) {
    for (const Sign& sign : kSigns) {
      if (sign.in(text)) return &diagnosis_of(sign.ailment);
    }
  }
  if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET && offset_is_gone(text)) {
    return &diagnosis_of(Ailment::kOffsetGone);
  }
  const auto verdict = std::ranges::find(kVerdicts, code, &Verdict::code);
  return verdict == kVerdicts.end() ? nullptr : &diagnosis_of(verdict->ailment);
}

}  // namespace moult::kafka
