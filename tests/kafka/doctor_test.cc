// What can be wrong between a daemon and its cluster, each made for real: `moult doctor` has to
// find it, and the daemon to hint at it in its log.
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <stdexcept>

#include "runtime/base/unique_fd.h"
#include "tests/kafka/group_fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/loopback.h"
#include "tests/support/process.h"

namespace moult::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kPrefix = "smooth-1234.";

/// A port of this machine that lets no connection through: what comes waits behind a full queue.
class SilentPort {
 public:
  SilentPort() {
    if (::listen(bound_.fd.get(), 0) != 0) throw std::runtime_error("can't listen");
    sockaddr_in address{};
    socklen_t size = sizeof address;
    auto* name = reinterpret_cast<sockaddr*>(&address);  // NOLINT
    ::getsockname(bound_.fd.get(), name, &size);
    for (UniqueFd& fd : queued_) {
      fd = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      static_cast<void>(::connect(fd.get(), name, size));  // it stays under way
    }
  }

  std::string address() const { return fmt::format("127.0.0.1:{}", bound_.port); }

 private:
  LoopbackPort bound_ = bind_loopback();
  std::array<UniqueFd, 4> queued_;
};

/// A port at which nobody listens, nor will while it is asked.
std::string free_address() { return fmt::format("127.0.0.1:{}", lasting_free_port()); }

std::string in_yaml(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '\n' ? std::string("\\n") : std::string(1, c);
  return quoted + "\"";
}

DaemonSpec with_kafka(DaemonSpec spec, const Properties& kafka) {
  for (const auto& [name, value] : kafka) spec.kafka[name] = value;
  return spec;
}

DaemonSpec for_group(DaemonSpec spec, const std::string& group, const std::string& topic) {
  spec.consumers[0].group = group;
  spec.consumers[0].handlers[0].topics = {topic};
  return spec;
}

/// `moult doctor` on a specification.
Finished examine(const Scratch& scratch, const DaemonSpec& spec,
                 const std::vector<std::string>& more = {}) {
  const std::filesystem::path file = scratch / "doctor.yaml";
  write_file(file, spec.yaml());
  std::vector<std::string> command{"doctor", "--config", file.string()};
  command.insert(command.end(), more.begin(), more.end());
  return run_moult(command);
}

/// The examination found this, and said so.
void expect_found(const Finished& doctor, const std::string& step, const std::string& diagnosis) {
  EXPECT_EQ(doctor.status, 1) << doctor.out << doctor.errors;
  EXPECT_THAT(doctor.out, ContainsRegex("\n  " + step + " +failed "));
  EXPECT_THAT(doctor.out,
              AllOf(HasSubstr("(" + diagnosis + ")"), HasSubstr("\n                why"),
                    HasSubstr("cure"), HasSubstr("not all is well")));
}

bool hints_at(const Daemon& daemon, const std::string& diagnosis) {
  return daemon.wait_log("hint=" + diagnosis, kLong);
}

// ---- No broker there ----------------------------------------------------------------------------

class DoctorWithoutBroker : public ::testing::Test {
 protected:
  DaemonSpec spec(const std::string& bootstrap, const Properties& kafka = {}) const {
    DaemonSpec daemon;
    daemon.kafka = {{"bootstrap.servers", in_yaml(bootstrap)},
                    {"auto.offset.reset", "earliest"},
                    {"socket.connection.setup.timeout.ms", "1000"},
                    {"reconnect.backoff.max.ms", "500"}};
    daemon.consumers.push_back(
        {"g", {}, {{.topics = {"t"}, .settings = {{"ledger", (scratch_ / "ledger").string()}}}}});
    return with_kafka(daemon, kafka);
  }

  Scratch scratch_;
};

TEST_F(DoctorWithoutBroker, AnAddressThatNobodyAnswersAt) {
  const SilentPort silent;
  const std::string refusing = free_address();
  const std::string heroku = fmt::format("kafka+ssl://{},kafka+ssl://{}", refusing, refusing);
  Daemon unreachable(scratch_, "unreachable", spec(silent.address()));
  Daemon refused(scratch_, "refused", spec(refusing));
  Daemon unknown(scratch_, "unknown", spec("no-such-host.invalid:9092"));
  Daemon scheme(scratch_, "scheme", spec(heroku));

  const Finished timed_out = examine(scratch_, spec(silent.address()), {"--timeout", "6s"});
  expect_found(timed_out, "tcp", "connect-timeout");
  EXPECT_THAT(timed_out.out, HasSubstr("timed out in state CONNECT"));
  EXPECT_THAT(timed_out.out, ContainsRegex("sasl +skipped"));
  expect_found(examine(scratch_, spec(refusing)), "tcp", "connect-refused");
  expect_found(examine(scratch_, spec("no-such-host.invalid:9092")), "resolve", "no-such-host");
  const Finished unsupported = examine(scratch_, spec(heroku));
  expect_found(unsupported, "client", "unsupported-protocol");
  EXPECT_THAT(unsupported.out, HasSubstr("unsupported protocol \"KAFKA+SSL\""));

  EXPECT_TRUE(hints_at(unreachable, "connect-timeout"));
  EXPECT_TRUE(hints_at(refused, "connect-refused"));
  EXPECT_TRUE(hints_at(unknown, "no-such-host"));
  EXPECT_TRUE(hints_at(scheme, "unsupported-protocol"));
}

/// Brokers with ZooKeeper say so when they are asked for the topic; those without do not, and can't
/// be made to. Consumers are not told either way: librdkafka takes the topic for a missing one.
TEST_F(DoctorWithoutBroker, ABrokerThatSaysThatItCannotMakeATopic) {
  const kafka::ClientHandle host =
      require_client(RD_KAFKA_PRODUCER, client_conf("127.0.0.1:1", {}));
  const std::unique_ptr<rd_kafka_mock_cluster_t,
                        kafka::Releaser<rd_kafka_mock_cluster_t, rd_kafka_mock_cluster_destroy>>
      mock(rd_kafka_mock_cluster_new(host.get(), 1));
  rd_kafka_mock_topic_set_error(mock.get(), "t", RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR);
  const Finished doctor = examine(scratch_, spec(rd_kafka_mock_cluster_bootstraps(mock.get())));
  expect_found(doctor, "topic", "replication-factor");
  EXPECT_THAT(doctor.out, HasSubstr("Broker: Invalid replication factor"));
}

// ---- A healthy cluster --------------------------------------------------------------------------

class Doctor : public OneGroup {};

TEST_F(Doctor, AHealthyClusterIsWellAndIsLeftAsItIs) {
  make_topic(2);
  send(10);
  const Finished first = examine(scratch_, spec());
  EXPECT_EQ(first.status, 0) << first.out << first.errors;
  EXPECT_THAT(first.out, AllOf(HasSubstr("all is well"), HasSubstr("(new-group)")));
  EXPECT_THAT(admin_.committed(group_), IsEmpty());
  EXPECT_EQ(cluster_.generations(group_), 0U);

  const auto daemon = start(spec());
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  const std::size_t generations = cluster_.generations(group_);
  const Finished caught_up = examine(scratch_, spec());
  EXPECT_EQ(caught_up.status, 0) << caught_up.out;
  EXPECT_THAT(caught_up.out,
              AllOf(ContainsRegex("coordinator +ok +Stable, 1 members"),
                    ContainsRegex("lag +ok +0 in 2 of 2 partitions"), HasSubstr("(nothing-new)")));
  EXPECT_EQ(cluster_.generations(group_), generations);
  const Finished json = examine(scratch_, spec(), {"--json"});
  EXPECT_EQ(json.status, 0);
  EXPECT_THAT(json.out, AllOf(StartsWith("{\"ok\":true,\"steps\":[{"),
                              HasSubstr("\"step\":\"tcp\",\"state\":\"ok\""),
                              HasSubstr("\"name\":\"nothing-new\"")));
  stop_cleanly(*daemon);
  send(5);
  const Finished left_alone = examine(scratch_, spec());
  EXPECT_EQ(left_alone.status, 0) << left_alone.out;
  EXPECT_THAT(left_alone.out, HasSubstr("(no-member)"));
  EXPECT_EQ(daemon->log_count("hint="), 0U);
}

TEST_F(Doctor, WhyNothingIsConsumed) {
  // The topic and the group of the cluster have a prefix, which the config lacks.
  const std::string topic = unique_name("orders");
  const std::string group = unique_name("app");
  const std::string other = kPrefix + topic;
  admin_.create_topic(other, 1);
  producer_.send_sequence(other, 1, 10);
  const auto daemon = start(for_group(spec(), kPrefix + group, other));
  ASSERT_TRUE(admin_.wait_caught_up(kPrefix + group, {other}, kLong));

  const Finished no_prefix = examine(scratch_, for_group(spec(), group, topic));
  expect_found(no_prefix, "topic", "prefix");
  EXPECT_THAT(no_prefix.out, HasSubstr("there is '" + other + "'"));
  const Finished group_alone = examine(scratch_, for_group(spec(), group, other));
  expect_found(group_alone, "offsets", "prefix");
  EXPECT_THAT(group_alone.out, HasSubstr(fmt::format("there is a group '{}{}'", kPrefix, group)));

  const Finished missing = examine(scratch_, for_group(spec(), group, topic_));
  expect_found(missing, "topic", "no-such-topic");
  const Finished no_match = examine(scratch_, for_group(spec(), group, "^" + topic));
  expect_found(no_match, "topic", "no-such-topic");

  DaemonSpec careful = for_group(spec(), unique_name("careful"), other);
  careful.kafka["auto.offset.reset"] = "error";
  expect_found(examine(scratch_, careful), "offsets", "no-offset");

  stop_cleanly(*daemon);
  producer_.send_sequence(other, 1, 10);
  admin_.delete_records({other, 0}, 15);
  const Finished gone = examine(scratch_, for_group(spec(), kPrefix + group, other));
  expect_found(gone, "lag", "offset-gone");
  const Finished json = examine(scratch_, for_group(spec(), kPrefix + group, other), {"--json"});
  EXPECT_EQ(json.status, 1);
  EXPECT_THAT(json.out, AllOf(StartsWith("{\"ok\":false"), HasSubstr("\"name\":\"offset-gone\"")));

  const std::unique_ptr<Daemon> waiting = start(for_group(spec(), group, topic));
  EXPECT_TRUE(hints_at(*waiting, "no-such-topic"));
}

// ---- A cluster that wants to know who comes
// ------------------------------------------------------

/// One broker that the tests of this file share: SASL by TLS, TLS with client certificates, users
/// that may do what an ACL says; and it would like three replicas of every topic, of which it can
/// make one.
struct GuardedCluster {
  Scratch scratch;
  CertificateAuthority ours{scratch, "ours"};
  CertificateAuthority other{scratch, "other"};
  KafkaCluster cluster{{.properties = properties(), .listeners = {"SASL:SASL_SSL", "MUTUAL:SSL"}}};

  std::string properties() const {
    std::string text =
        "sasl.enabled.mechanisms=SCRAM-SHA-512\n"
        "listener.name.sasl.scram-sha-512.sasl.jaas.config="
        "org.apache.kafka.common.security.scram.ScramLoginModule required;\n"
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
        "super.users=User:ANONYMOUS\n"
        "auto.create.topics.enable=true\n"
        "default.replication.factor=3\n"
        "listener.name.mutual.ssl.client.auth=required\n";
    text += fmt::format(
        "listener.name.mutual.ssl.truststore.type=PEM\n"
        "listener.name.mutual.ssl.truststore.location={}\n",
        ours.certificate().string());
    for (const char* listener : {"sasl", "mutual"}) {
      text += fmt::format(
          "listener.name.{0}.ssl.keystore.type=PEM\n"
          "listener.name.{0}.ssl.keystore.location={1}\n",
          listener, ours.keystore(listener, {}).string());
    }
    return text;
  }

  static std::unique_ptr<GuardedCluster>& instance() {
    static std::unique_ptr<GuardedCluster> one;
    return one;
  }
};

class DoctorOfGuarded : public OneGroup {
 public:
  static void SetUpTestSuite() { GuardedCluster::instance() = std::make_unique<GuardedCluster>(); }
  static void TearDownTestSuite() { GuardedCluster::instance().reset(); }

 protected:
  DoctorOfGuarded() : OneGroup(GuardedCluster::instance()->cluster) {}

  const GuardedCluster& guarded() const { return *GuardedCluster::instance(); }

  /// By the listener with SASL, as the user of the ACLs.
  DaemonSpec as_user(const std::string& password, const Properties& kafka = {}) const {
    const DaemonSpec user = with_kafka(spec(), {{"bootstrap.servers", cluster_.bootstrap("SASL")},
                                                {"security.protocol", "sasl_ssl"},
                                                {"ssl.ca.location", guarded().ours.certificate()},
                                                {"sasl.mechanism", "SCRAM-SHA-512"},
                                                {"sasl.username", "moult"},
                                                {"sasl.password", password},
                                                {"reconnect.backoff.max.ms", "500"}});
    return with_kafka(user, kafka);
  }

  /// A user that may read what begins with the prefix, and look at one topic.
  void make_user(const std::string& password, const std::string& shown_topic) {
    cluster_.tool({"configs", "--alter", "--add-config",
                   fmt::format("SCRAM-SHA-512=[iterations=4096,password={}]", password),
                   "--entity-type", "users", "--entity-name", "moult"});
    cluster_.tool({"acls", "--add", "--allow-principal", "User:moult", "--operation", "Read",
                   "--resource-pattern-type", "prefixed", "--topic", kPrefix, "--group", kPrefix});
    cluster_.tool({"acls", "--add", "--allow-principal", "User:moult", "--operation", "Describe",
                   "--topic", shown_topic});
  }
};

TEST_F(DoctorOfGuarded, WhoComesAndHow) {
  const std::string secret = unique_name("secret");
  const std::string ours = guarded().ours.certificate();
  const std::string pem = read_file(guarded().ours.keystore("client", {}));
  const auto plain = [&](const std::string& bootstrap, const std::string& protocol) {
    return with_kafka(spec(), {{"bootstrap.servers", bootstrap},
                               {"security.protocol", protocol},
                               {"ssl.ca.location", ours},
                               {"reconnect.backoff.max.ms", "500"}});
  };
  const DaemonSpec wrong_password = as_user(secret);
  const DaemonSpec to_tls = plain(cluster_.bootstrap("SASL"), "plaintext");
  const DaemonSpec to_plain = plain(cluster_.bootstrap(), "ssl");
  const DaemonSpec nameless = plain(cluster_.bootstrap("SASL"), "ssl");
  const DaemonSpec other_mechanism = as_user(secret, {{"sasl.mechanism", "PLAIN"}});
  const DaemonSpec wrong_ca = as_user(secret, {{"ssl.ca.location", guarded().other.certificate()}});
  const DaemonSpec without_certificate = plain(cluster_.bootstrap("MUTUAL"), "ssl");
  const DaemonSpec broken_pem =
      with_kafka(without_certificate, {{"ssl.key.pem", in_yaml(pem.substr(0, 80))},
                                       {"ssl.certificate.pem", in_yaml(pem.substr(0, 80))}});
  const DaemonSpec with_certificate = with_kafka(
      without_certificate, {{"ssl.key.pem", in_yaml(pem)}, {"ssl.certificate.pem", in_yaml(pem)}});

  std::map<std::string, std::unique_ptr<Daemon>> daemons;
  daemons["authentication"] = start(wrong_password);
  daemons["tls-listener"] = start(to_tls);
  daemons["plaintext-listener"] = start(to_plain);
  daemons["certificate"] = start(wrong_ca);
  daemons["mechanism"] = start(other_mechanism);
  daemons["client-certificate"] = start(without_certificate);

  std::string out;
  const auto find = [&](const DaemonSpec& what, const std::string& step, const std::string& name) {
    const Finished doctor = examine(scratch_, what);
    expect_found(doctor, step, name);
    out += doctor.out + doctor.errors;
  };
  find(wrong_password, "sasl", "authentication");
  find(to_tls, "api-versions", "tls-listener");
  find(to_plain, "tls", "plaintext-listener");
  find(nameless, "metadata", "sasl-listener");
  find(other_mechanism, "sasl", "mechanism");
  find(wrong_ca, "tls", "certificate");
  find(without_certificate, "api-versions", "client-certificate");
  find(broken_pem, "client", "pem");
  const Finished let_in = examine(scratch_, with_certificate);
  EXPECT_THAT(let_in.out, ContainsRegex("metadata +ok"));
  out += let_in.out + examine(scratch_, with_certificate, {"--json"}).out;

  for (const auto& [name, daemon] : daemons) {
    SCOPED_TRACE(name);
    EXPECT_TRUE(hints_at(*daemon, name));
    EXPECT_EQ(daemon->log_count("hint="), 1U);
    out += daemon->log();
  }
  EXPECT_THAT(out, AllOf(Not(HasSubstr(secret)), Not(HasSubstr("-----BEGIN")),
                         Not(HasSubstr(pem.substr(pem.find('\n') + 1, 40)))));
}

TEST_F(DoctorOfGuarded, WhatAUserMayDoAndABrokerCan) {
  const std::string secret = unique_name("secret");
  const std::string topic = unique_name("orders");
  const std::string group = unique_name("app");
  const std::string shown = unique_name("shown");
  make_user(secret, shown);
  for (const std::string& name : {topic, kPrefix + topic, shown}) admin_.create_topic(name, 1);
  const DaemonSpec user = as_user(secret);
  // Makes the topic of all groups: that takes a young cluster longer than a doctor waits.
  Admin(cluster_.bootstrap()).committed(kPrefix + group);
  const Finished well = examine(scratch_, for_group(user, kPrefix + group, kPrefix + topic));
  EXPECT_EQ(well.status, 0) << well.out << well.errors;
  EXPECT_THAT(well.out, AllOf(ContainsRegex("sasl +ok"), ContainsRegex("replication +skipped")));

  const DaemonSpec no_topic = for_group(user, kPrefix + group, topic);
  const DaemonSpec no_group = for_group(user, group, kPrefix + topic);
  const auto denied_topic = start(no_topic);
  const auto denied_group = start(no_group);
  const Finished topic_denied = examine(scratch_, no_topic);
  expect_found(topic_denied, "topic", "topic-authorization");
  const Finished group_denied = examine(scratch_, no_group);
  expect_found(group_denied, "coordinator", "group-authorization");
  const Finished not_read = examine(scratch_, for_group(user, kPrefix + group, shown));
  expect_found(not_read, "fetch", "topic-authorization");
  EXPECT_TRUE(hints_at(*denied_topic, "topic-authorization"));
  EXPECT_TRUE(hints_at(*denied_group, "group-authorization"));

  // As somebody who may do everything, on a broker that can't make what it would like to.
  const std::string missing = unique_name("missing");
  const DaemonSpec creating =
      with_kafka(for_group(spec(), group, missing), {{"allow.auto.create.topics", "true"}});
  const Finished replication = examine(scratch_, creating);
  expect_found(replication, "replication", "replication-factor");
  EXPECT_THAT(replication.out, HasSubstr("default.replication.factor is 3, brokers are 1"));
  const auto creator = start(creating);
  EXPECT_TRUE(hints_at(*creator, "no-such-topic"));
  EXPECT_THAT(creator->log(), HasSubstr("default.replication.factor"));
  EXPECT_EQ(admin_.partition_count(missing), 0);  // it was not made by asking

  // A dead-letter topic that the user may see and not write to.
  const DaemonSpec reading = for_group(as_user(secret), kPrefix + group, kPrefix + topic);
  DaemonSpec burying = reading;
  handler(burying).settings["fail_all"] = "true";
  handler(burying).settings["fail_as"] = "dead_letter";
  handler(burying).options["dead_letter"] = shown;
  producer_.send_sequence(kPrefix + topic, 1, 1);
  const auto undertaker = start(burying);
  EXPECT_TRUE(undertaker->wait_log("client=producer hint=cluster-authorization", kLong));
  EXPECT_THAT(well.out + topic_denied.out + denied_topic->log(), Not(HasSubstr(secret)));
}

}  // namespace
}  // namespace moult::testing
