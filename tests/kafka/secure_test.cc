// Brokers that want a password, and brokers that have to prove who they are.
#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <memory>

#include "tests/kafka/group_fixture.h"
#include "tests/support/certificates.h"

namespace moult::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// One broker that the tests of this file share. Its listeners: SASL, and by TLS one with a good
/// certificate, one whose certificate has ended and one with another host's.
struct SecureCluster {
  Scratch scratch;
  CertificateAuthority ours{scratch, "ours"};
  CertificateAuthority other{scratch, "other"};
  KafkaCluster cluster{{.properties = properties(),
                        .listeners = {"SASL:SASL_PLAINTEXT", "GOOD:SSL", "ENDED:SSL", "HOST:SSL"}}};

  std::string properties() const {
    std::string text =
        "sasl.enabled.mechanisms=SCRAM-SHA-256\n"
        "listener.name.sasl.scram-sha-256.sasl.jaas.config="
        "org.apache.kafka.common.security.scram.ScramLoginModule required;\n";
    text += keystore("good", {});
    text += keystore("ended", {.days = -1});
    text += keystore("host", {.host = "elsewhere.example"});
    return text;
  }

  std::string keystore(const std::string& listener,
                       const CertificateAuthority::Server& server) const {
    return fmt::format(
        "listener.name.{0}.ssl.keystore.type=PEM\nlistener.name.{0}.ssl.keystore.location={1}\n",
        listener, ours.keystore(listener, server).string());
  }

  static std::unique_ptr<SecureCluster>& instance() {
    static std::unique_ptr<SecureCluster> one;
    return one;
  }
};

class Secure : public OneGroup {
 public:
  static void SetUpTestSuite() { SecureCluster::instance() = std::make_unique<SecureCluster>(); }
  static void TearDownTestSuite() { SecureCluster::instance().reset(); }

 protected:
  Secure() : OneGroup(SecureCluster::instance()->cluster) {}

  const SecureCluster& secure() const { return *SecureCluster::instance(); }

  /// A daemon of a group of its own, by another listener than the plain one.
  std::unique_ptr<Daemon> start_by(const std::string& listener, const std::string& name,
                                   const Properties& kafka) {
    DaemonSpec daemon = spec({{"tag", name}});
    daemon.kafka["bootstrap.servers"] = cluster_.bootstrap(listener);
    daemon.kafka["reconnect.backoff.max.ms"] = "500";
    for (const auto& [key, value] : kafka) daemon.kafka[key] = value;
    daemon.consumers[0].group = group_ + "-" + name;
    return start(daemon);
  }

  bool wait_handled_by(const std::string& name) {
    return ledger_.wait(
        [&](const Entries& entries) {
          return missing(producer_.produced(), of_tag(entries, name)).empty();
        },
        kLong);
  }

  void stop(Daemon& daemon) { EXPECT_EQ(daemon.stop(), 0); }

  /// What daemons left when they died, with the names of the files.
  std::string crash_reports() const {
    std::string all;
    for (const auto& file : std::filesystem::directory_iterator(scratch_.path())) {
      const std::string name = file.path().filename().string();
      if (name.starts_with("crash-")) all += name + '\n' + read_file(file.path());
    }
    return all;
  }
};

TEST_F(Secure, N8_AWrongPasswordThatIsMendedOnTheBrokerRecoversAndIsNeverInTheLog) {
  const std::string secret = unique_name("secret");
  const auto set_password = [&](const std::string& password) {
    cluster_.tool({"configs", "--alter", "--add-config",
                   fmt::format("SCRAM-SHA-256=[iterations=4096,password={}]", password),
                   "--entity-type", "users", "--entity-name", "moult"});
  };
  make_topic(1);
  send(50);
  set_password("another");
  const auto daemon = start_by("SASL", "sasl",
                               {{"security.protocol", "sasl_plaintext"},
                                {"sasl.mechanism", "SCRAM-SHA-256"},
                                {"sasl.username", "moult"},
                                {"sasl.password", secret}});
  ASSERT_TRUE(daemon->wait_log("kafka denies access", kLong));
  ASSERT_TRUE(daemon->wait_log("not ready", kLong));
  EXPECT_TRUE(daemon->running());
  EXPECT_EQ(ledger_.handled(), 0U);
  set_password(secret);
  ASSERT_TRUE(wait_handled_by("sasl"));
  ASSERT_TRUE(daemon->wait_log("ready again", kLong));
  ASSERT_TRUE(eventually(
      [&] {
        daemon->signal(SIGTTIN);
        return daemon->log_count("state=idle") > 0;
      },
      kLong, milliseconds(200)));
  EXPECT_THAT(read_file(fmt::format("/proc/{}/cmdline", daemon->pid())),
              AllOf(HasSubstr("moult"), Not(HasSubstr(secret))));
  const Finished status = run_moult({"status", "--json", "--config", daemon->config().string()});
  EXPECT_THAT(status.out, AllOf(HasSubstr("watermark"), Not(HasSubstr(secret))));
  daemon->signal(SIGABRT);
  EXPECT_EQ(daemon->wait_exit(kLong), -SIGABRT);
  EXPECT_THAT(crash_reports(), AllOf(HasSubstr("SIGABRT"), Not(HasSubstr(secret))));
  EXPECT_THAT(daemon->log(), Not(HasSubstr(secret)));
  const Finished check = run_moult({"check", "--config", daemon->config().string(), "--print"});
  EXPECT_EQ(check.status, 0);
  EXPECT_THAT(check.out, HasSubstr("sasl.password"));
  EXPECT_THAT(check.out + check.errors, Not(HasSubstr(secret)));
}

TEST_F(Secure, N9_OnlyABrokerThatProvesWhoItIsIsTalkedTo) {
  make_topic(1);
  send(50);
  const std::filesystem::path bundle = scratch_ / "bundle.pem";
  write_file(bundle,
             read_file(secure().other.certificate()) + read_file(secure().ours.certificate()));
  const std::string ours = secure().ours.certificate();
  const std::string other = secure().other.certificate();
  const auto tls = [](const std::string& trusted, const std::string& identification = "") {
    Properties result = {{"security.protocol", "ssl"}, {"ssl.ca.location", trusted}};
    if (!identification.empty()) result["ssl.endpoint.identification.algorithm"] = identification;
    return result;
  };
  const std::map<std::string, std::unique_ptr<Daemon>> accepted = [&] {
    std::map<std::string, std::unique_ptr<Daemon>> all;
    all["good"] = start_by("GOOD", "good", tls(ours));
    all["bundle"] = start_by("GOOD", "bundle", tls(bundle));
    all["host-none"] = start_by("HOST", "host-none", tls(ours, "none"));
    return all;
  }();
  const std::map<std::string, std::unique_ptr<Daemon>> refused = [&] {
    std::map<std::string, std::unique_ptr<Daemon>> all;
    all["bad-ca"] = start_by("GOOD", "bad-ca", tls(other));
    all["bad-ca-none"] = start_by("GOOD", "bad-ca-none", tls(other, "none"));
    all["ended"] = start_by("ENDED", "ended", tls(ours));
    all["ended-none"] = start_by("ENDED", "ended-none", tls(ours, "none"));
    all["host"] = start_by("HOST", "host", tls(ours));
    return all;
  }();
  for (const auto& [name, daemon] : accepted) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(wait_handled_by(name));
    EXPECT_EQ(daemon->log_count("certificate verify failed"), 0U);
    stop(*daemon);
  }
  for (const auto& [name, daemon] : refused) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(daemon->wait_log("certificate verify failed", kLong));
    ASSERT_TRUE(daemon->wait_log("not ready", kLong));
    EXPECT_TRUE(daemon->running());
    stop(*daemon);
    EXPECT_THAT(of_tag(ledger_.read(), name), IsEmpty());
  }
}

}  // namespace
}  // namespace moult::testing
