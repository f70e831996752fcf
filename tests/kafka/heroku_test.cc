// Kafka as Heroku offers it: all that a client needs stands in the environment, the brokers'
// certificates name no hosts, and what a tenant may touch begins with its prefix.
#include <fmt/format.h>

#include <set>

#include "tests/kafka/dead_letter_fixture.h"
#include "tests/support/certificates.h"

namespace moult::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr const char* kTenant = "tenant";
constexpr const char* kAnyPrefix = "smooth";

/// One broker. Its listener TENANT wants a certificate of `clients`, and has one for another host.
struct TenantCluster {
  Scratch scratch;
  CertificateAuthority brokers{scratch, "brokers"};
  CertificateAuthority clients{scratch, "clients"};
  CertificateAuthority::Identity tenant = clients.identity(kTenant, {.host = kTenant});
  KafkaCluster cluster{{.properties = properties(), .listeners = {"TENANT:SSL"}}};

  TenantCluster() {
    // What a client without the prefix would take.
    Admin admin(cluster.bootstrap());
    for (const char* const name : {"in", "more"}) admin.create_topic(name, 1);
  }

  std::string properties() const {
    return fmt::format(
        "listener.name.tenant.ssl.keystore.type=PEM\n"
        "listener.name.tenant.ssl.keystore.location={}\n"
        "listener.name.tenant.ssl.truststore.type=PEM\n"
        "listener.name.tenant.ssl.truststore.location={}\n"
        "listener.name.tenant.ssl.client.auth=required\n"
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
        "super.users=User:ANONYMOUS\n",
        brokers.keystore("broker", {.host = "elsewhere.example"}).string(),
        clients.certificate().string());
  }

  static std::unique_ptr<TenantCluster>& instance() {
    static std::unique_ptr<TenantCluster> one;
    return one;
  }
};

class Heroku : public DeadLetters {
 public:
  static void SetUpTestSuite() { TenantCluster::instance() = std::make_unique<TenantCluster>(); }
  static void TearDownTestSuite() { TenantCluster::instance().reset(); }

 protected:
  Heroku() : DeadLetters(TenantCluster::instance()->cluster) {
    for (const char* const name : {"in", "more", "out", "dead"}) {
      admin_.create_topic(prefix_ + name, 1);
    }
    allow({"--producer", "--consumer", "--topic", prefix_, "--group", prefix_});
  }

  const TenantCluster& tenant() const { return *TenantCluster::instance(); }

  /// For names that begin with the prefix, and no others.
  void allow(std::vector<std::string> what) {
    what.insert(what.begin(),
                {"acls", "--add", "--force", "--allow-principal",
                 fmt::format("User:CN={}", kTenant), "--resource-pattern-type", "prefixed"});
    cluster_.tool(what);
  }

  /// As the add-on leaves it: two URLs, and two authorities of which the second one is the
  /// brokers'.
  Environment environment() const {
    const std::string& broker = cluster_.bootstrap("TENANT");
    return {{"KAFKA_URL", fmt::format("kafka+ssl://{0},kafka+ssl://{0}", broker)},
            {"KAFKA_CLIENT_CERT", tenant().tenant.certificate},
            {"KAFKA_CLIENT_CERT_KEY", tenant().tenant.key},
            {"KAFKA_TRUSTED_CERT",
             read_file(tenant().clients.certificate()) + read_file(tenant().brokers.certificate())},
            {"KAFKA_PREFIX", prefix_}};
  }

  DaemonSpec on_heroku() const {
    DaemonSpec daemon = giving_up({{"produce_to", "out"},
                                   {"produce_tied", "true"},
                                   {"fail_offset", "3"},
                                   {"fail_times", "0"}});
    daemon.options["preset"] = "heroku";
    daemon.kafka.erase("bootstrap.servers");
    daemon.consumers[0].group = "readers";
    handler(daemon).topics = {"in", "'^mor.*'"};
    handler(daemon).options["dead_letter"] = "dead";
    daemon.environment = environment();
    return daemon;
  }

  /// Base64 of the key's second line: any copy of the key has it.
  std::string key_text() const {
    const std::string& key = tenant().tenant.key;
    const std::size_t begin = key.find('\n') + 1;
    return key.substr(begin, key.find('\n', begin) - begin);
  }

  void expect_no_secret(const std::string& text) const {
    EXPECT_THAT(text, Not(HasSubstr(key_text())));
    EXPECT_THAT(text, Not(HasSubstr("-----BEGIN")));
  }

  /// Less what is Kafka's own, and what other tests of this binary have made.
  std::set<std::string> listed(const std::vector<std::string>& tool) const {
    std::istringstream lines(cluster_.tool(tool));
    std::set<std::string> names;
    for (std::string line; std::getline(lines, line);) {
      const bool is_anothers = line.starts_with(kAnyPrefix) && !line.starts_with(prefix_);
      if (!line.empty() && !line.starts_with("__") && !is_anothers) names.insert(line);
    }
    return names;
  }

  const std::string prefix_ = unique_name(kAnyPrefix) + ".";
};

TEST_F(Heroku, APresetIsAllThatItTakesAndThePrefixStandsOnceEverywhere) {
  const auto daemon = start(on_heroku());
  for (const char* const name : {"in", "more"}) {
    producer_.send_sequence(prefix_ + name, 1, 10);
  }
  ASSERT_TRUE(
      admin_.wait_caught_up(prefix_ + "readers", {prefix_ + "in", prefix_ + "more"}, kLong));
  const std::string config = daemon->config().string();
  const Finished status = run_moult({"status", "--config", config}, environment());
  EXPECT_EQ(status.status, 0) << status.errors;
  EXPECT_THAT(status.out, HasSubstr(prefix_ + "in"));
  daemon->signal(SIGTTIN);
  ASSERT_TRUE(daemon->wait_log("state=idle", kLong));
  stop_cleanly(*daemon);
  EXPECT_EQ(of_event(ledger_.read(), Event::kRecord).size(), 18U);

  // Produced and dead-lettered: counted on the broker, and nothing under another name.
  EXPECT_THAT(records_in(cluster_.bootstrap(), {prefix_ + "out", 0}), SizeIs(18));
  std::set<std::string> given_up;
  for (const ReadRecord& record : records_in(cluster_.bootstrap(), {prefix_ + "dead", 0})) {
    given_up.insert(record.header("moult-topic") + "@" + record.header("moult-offset"));
  }
  EXPECT_THAT(given_up, UnorderedElementsAre(prefix_ + "in@3", prefix_ + "more@3"));
  EXPECT_THAT(listed({"topics", "--list"}),
              UnorderedElementsAre("in", "more", prefix_ + "in", prefix_ + "more", prefix_ + "out",
                                   prefix_ + "dead"));
  EXPECT_THAT(listed({"consumer-groups", "--list"}), UnorderedElementsAre(prefix_ + "readers"));

  const Finished list = run_moult({"dlq", "list", "--config", config}, environment());
  EXPECT_EQ(list.status, 0) << list.errors;
  EXPECT_THAT(list.out, HasSubstr(prefix_ + "more"));
  const Finished shown = run_moult({"check", "--config", config, "--print"}, environment());
  EXPECT_EQ(shown.status, 0) << shown.errors;
  EXPECT_THAT(shown.out, HasSubstr("\"ssl.key.pem\": \"[redacted]\""));
  for (const Finished& one : {status, list, shown}) expect_no_secret(one.out + one.errors);
  expect_no_secret(daemon->log());
}

TEST_F(Heroku, ReplayNeedsTheRightToTransactionsAndKeepsThePrefix) {
  const auto daemon = start(on_heroku());
  producer_.send_sequence(prefix_ + "in", 1, 10);
  ASSERT_TRUE(admin_.wait_caught_up(prefix_ + "readers", {prefix_ + "in"}, kLong));
  stop_cleanly(*daemon);
  const std::vector<std::string> replay = {
      "dlq", "replay", "--config", daemon->config().string(), "--handler", "ledger"};
  const Finished refused = run_moult(replay, environment());
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.errors, HasSubstr("ransactional"));
  allow({"--transactional-id", prefix_, "--operation", "Write", "--operation", "Describe"});
  const Finished replayed = run_moult(replay, environment());
  EXPECT_EQ(replayed.status, 0) << replayed.errors;
  // The end of a transaction is marked in its partitions after it was answered for.
  const auto all_in = [&] { return records_in(cluster_.bootstrap(), {prefix_ + "in", 0}); };
  EXPECT_TRUE(eventually([&] { return all_in().size() >= 11; }, kLong, milliseconds(50)));
  EXPECT_THAT(all_in(), SizeIs(11));
  EXPECT_THAT(listed({"consumer-groups", "--list"}),
              UnorderedElementsAre(prefix_ + "readers", prefix_ + "readers.dlq-replay.ledger"));
  expect_no_secret(refused.out + refused.errors + replayed.out + replayed.errors);
}

TEST_F(Heroku, ABrokerOfAnotherAuthorityIsNotTalkedTo) {
  DaemonSpec spec = on_heroku();
  spec.environment["KAFKA_TRUSTED_CERT"] = read_file(tenant().clients.certificate());
  const auto daemon = start(spec);
  producer_.send_sequence(prefix_ + "in", 1, 10);
  ASSERT_TRUE(daemon->wait_log("certificate verify failed", kLong));
  ASSERT_TRUE(daemon->wait_log("not ready", kLong));
  EXPECT_TRUE(daemon->running());
  stop_cleanly(*daemon);
  EXPECT_THAT(ledger_.read(), IsEmpty());
  expect_no_secret(daemon->log());

  spec.environment["KAFKA_CLIENT_CERT_KEY"] = "";
  const Finished check =
      run_moult({"check", "--config", daemon->config().string()}, spec.environment);
  EXPECT_EQ(check.status, 78);
  EXPECT_THAT(check.errors,
              HasSubstr("preset heroku: environment variable 'KAFKA_CLIENT_CERT_KEY' is empty; "
                        "Heroku's Kafka add-on sets it"));
}

}  // namespace
}  // namespace moult::testing
