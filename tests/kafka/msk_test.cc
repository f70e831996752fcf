// Kafka as AWS offers it: names and passwords (SCRAM-SHA-512) by TLS, or tokens made of the
// credentials that a role gives (IAM). The services that give them are ours, on loopback.
#include <fmt/format.h>

#include <atomic>
#include <set>

#include "runtime/aws/utc.h"
#include "tests/kafka/dead_letter_fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/http_service.h"

namespace moult::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSessionToken = "session+token/of=AWS";
// A session lasts no longer than its token did; the broker ends one that shows no other.
constexpr int kSessionSeconds = 3;
constexpr std::chrono::seconds kCredentialsLast{6};

struct MskCluster {
  Scratch scratch;
  CertificateAuthority authority{scratch, "authority"};
  std::string secret_prefix = unique_name("hush");
  KafkaCluster cluster{{.properties = properties(),
                        .listeners = {"SCRAM:SASL_SSL", "IAM:SASL_SSL"},
                        .classes = classes()}};

  std::string properties() const {
    std::string text = fmt::format(
        "sasl.enabled.mechanisms=SCRAM-SHA-512,OAUTHBEARER\n"
        "listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-512\n"
        "listener.name.iam.sasl.enabled.mechanisms=OAUTHBEARER\n"
        "listener.name.scram.scram-sha-512.sasl.jaas.config="
        "org.apache.kafka.common.security.scram.ScramLoginModule required;\n"
        "listener.name.iam.oauthbearer.sasl.jaas.config="
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;\n"
        "listener.name.iam.oauthbearer.sasl.server.callback.handler.class=MskTokenValidator\n"
        "listener.name.iam.oauthbearer.connections.max.reauth.ms={}\n",
        kSessionSeconds * 1000);
    const std::string store = authority.keystore("broker", {}).string();
    for (const char* const listener : {"scram", "iam"}) {
      text += fmt::format(
          "listener.name.{0}.ssl.keystore.type=PEM\nlistener.name.{0}.ssl.keystore.location={1}\n",
          listener, store);
    }
    return text;
  }

  std::filesystem::path classes() const {
    std::filesystem::path folder = scratch / "classes";
    KafkaCluster::compile(MOULT_SOURCE_DIR "/tests/support/java/MskTokenValidator.java", folder);
    write_file(
        folder / "keys.properties",
        fmt::format("secret.prefix={}\nsession.token={}\nsession.seconds={}\ntaken={}\n",
                    secret_prefix, kSessionToken, kSessionSeconds, (scratch / "taken").string()));
    return folder;
  }

  static std::unique_ptr<MskCluster>& instance() {
    static std::unique_ptr<MskCluster> one;
    return one;
  }
};

/// An instance's metadata service. Each time it is asked it gives out other credentials, which end
/// soon; those before `good_from` have a wrong secret.
class InstanceRole {
 public:
  explicit InstanceRole(std::string secret_prefix, bool good = true)
      : secret_prefix_(std::move(secret_prefix)), good_(good) {}

  Environment environment() const {
    return {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", service_.url()},
            {"AWS_EC2_METADATA_DISABLED", "false"},
            {"AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"},
            {"AWS_REGION", "eu-west-1"}};
  }
  int given() const { return given_; }
  /// From now on its secrets are right.
  void turn_good() { good_ = true; }

 private:
  HttpService::Response answer(const HttpService::Request& request) {
    const std::string roles = "/latest/meta-data/iam/security-credentials/";
    if (request.method == "PUT") return {200, "metadata-session"};
    if (request.headers.find("x-aws-ec2-metadata-token") == request.headers.end()) return {401};
    if (request.path == roles) return {200, "consumers"};
    if (request.path != roles + "consumers") return {404};
    const int number = ++given_;
    const std::string id = fmt::format("ASIA{}", number);
    const auto expires = std::chrono::system_clock::now() + kCredentialsLast;
    return {200,
            fmt::format(R"({{"Code":"Success","AccessKeyId":"{}","SecretAccessKey":"{}{}",)"
                        R"("Token":"{}","Expiration":"{}"}})",
                        id, secret_prefix_, good_ ? id : "wrong", kSessionToken, rfc3339(expires))};
  }

  static std::string rfc3339(std::chrono::system_clock::time_point time) {
    const std::string c =
        aws::compact_utc(std::chrono::floor<std::chrono::seconds>(time));  // 20150830T123600Z
    return fmt::format("{}-{}-{}T{}:{}:{}Z", c.substr(0, 4), c.substr(4, 2), c.substr(6, 2),
                       c.substr(9, 2), c.substr(11, 2), c.substr(13, 2));
  }

  const std::string secret_prefix_;
  std::atomic<bool> good_;
  std::atomic<int> given_{0};
  HttpService service_{[this](const HttpService::Request& request) { return answer(request); }};
};

class Msk : public DeadLetters {
 public:
  static void SetUpTestSuite() { MskCluster::instance() = std::make_unique<MskCluster>(); }
  static void TearDownTestSuite() { MskCluster::instance().reset(); }

 protected:
  Msk() : DeadLetters(MskCluster::instance()->cluster) {}

  const MskCluster& msk() const { return *MskCluster::instance(); }

  DaemonSpec by(const std::string& preset, const std::string& listener) const {
    DaemonSpec daemon = giving_up({{"produce_to", out_},
                                   {"produce_tied", "true"},
                                   {"fail_offset", "3"},
                                   {"fail_times", "0"}});
    daemon.options["preset"] = preset;
    daemon.kafka["bootstrap.servers"] = cluster_.bootstrap(listener);
    daemon.kafka["ssl.ca.location"] = msk().authority.certificate().string();
    daemon.kafka["reconnect.backoff.max.ms"] = "500";
    return daemon;
  }

  void make_all_topics() {
    make_topics(1);
    admin_.create_topic(out_, 1);
  }

  void expect_all_came() {
    EXPECT_EQ(dead_ids(), ids(0, {3}));
    EXPECT_THAT(records_in(cluster_.bootstrap(), {out_, 0}),
                SizeIs(producer_.produced().size() - 1));
  }

  /// Whose tokens the broker took so far.
  std::set<std::string> taken() const {
    std::istringstream lines(read_file(msk().scratch / "taken"));
    std::set<std::string> ids;
    for (std::string line; std::getline(lines, line);) ids.insert(line);
    return ids;
  }

  void expect_no_secret(const std::string& text) const {
    EXPECT_THAT(text, Not(HasSubstr(msk().secret_prefix)));
    EXPECT_THAT(text, Not(HasSubstr(kSessionToken)));
    EXPECT_THAT(text, Not(HasSubstr("Signature=")));
    EXPECT_THAT(text,
                Not(HasSubstr("aHR0cHM6Ly9rYWZrYS5")));  // a token's first bytes: https://kafka.
  }

  const std::string out_ = topic_ + "-out";
};

TEST_F(Msk, ScramWithNameAndPasswordIsAllThatThePresetAsksFor) {
  const std::string password = unique_name("password");
  cluster_.tool({"configs", "--alter", "--add-config",
                 fmt::format("SCRAM-SHA-512=[iterations=4096,password={}]", password),
                 "--entity-type", "users", "--entity-name", "moult"});
  make_all_topics();
  send(10);
  DaemonSpec spec = by("msk", "SCRAM");
  spec.kafka["sasl.username"] = "moult";
  spec.kafka["sasl.password"] = "'${MSK_PASSWORD}'";
  spec.environment = {{"MSK_PASSWORD", password}};
  const auto daemon = start(spec);
  ASSERT_TRUE(wait_caught_up());
  const std::string config = daemon->config().string();
  const Finished status = run_moult({"status", "--config", config}, spec.environment);
  EXPECT_EQ(status.status, 0) << status.errors;
  stop_cleanly(*daemon);
  expect_all_came();
  const Finished shown = run_moult({"check", "--config", config, "--print"}, spec.environment);
  EXPECT_EQ(shown.status, 0) << shown.errors;
  EXPECT_THAT(daemon->log() + status.out + shown.out + shown.errors, Not(HasSubstr(password)));
}

TEST_F(Msk, IamTokensAreMadeAndRenewedForEveryClientOfTheConfig) {
  const InstanceRole role(msk().secret_prefix);
  make_all_topics();
  send(10);
  DaemonSpec spec = by("msk-iam", "IAM");
  spec.environment = role.environment();
  const auto daemon = start(spec);
  ASSERT_TRUE(wait_caught_up());
  const std::set<std::string> first = taken();
  // The credentials end, and the broker ends sessions that show no others: work goes on.
  ASSERT_TRUE(eventually(
      [&] {
        send(10);
        return taken().size() >= first.size() + 2;
      },
      kLong, milliseconds(200)));
  send(10);
  ASSERT_TRUE(wait_caught_up());
  const std::string config = daemon->config().string();
  const Finished status = run_moult({"status", "--config", config}, spec.environment);
  EXPECT_EQ(status.status, 0) << status.errors;
  stop_cleanly(*daemon);
  expect_all_came();
  // No token was refused. (A session may end before it is renewed: that costs a connection.)
  EXPECT_EQ(daemon->log_count("SASL authentication error"), 0U);

  const int before = role.given();
  const Finished list = run_moult({"dlq", "list", "--config", config}, spec.environment);
  EXPECT_EQ(list.status, 0) << list.errors;
  EXPECT_THAT(taken(), Contains(fmt::format("ASIA{}", before + 1)));
  const Finished replay =
      run_moult({"dlq", "replay", "--config", config, "--handler", "ledger"}, spec.environment);
  EXPECT_EQ(replay.status, 0) << replay.errors;
  const Finished shown = run_moult({"check", "--config", config, "--print"}, spec.environment);
  EXPECT_THAT(shown.out, HasSubstr("preset: msk-iam\naws:\n  region: \"eu-west-1\""));
  for (const Finished& one : {status, list, replay, shown}) expect_no_secret(one.out + one.errors);
  expect_no_secret(daemon->log());
}

TEST_F(Msk, IamCredentialsThatFailAreToldAndReplacedWithoutARestart) {
  InstanceRole role(msk().secret_prefix, false);
  make_all_topics();
  send(10);
  DaemonSpec spec = by("msk-iam", "IAM");
  spec.environment = {{"AWS_REGION", "eu-west-1"},
                      {"AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"},
                      {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/role"}};
  const auto without = start(spec);
  ASSERT_TRUE(without->wait_log("AWS credentials: http://127.0.0.1:1/role: ", kLong));
  EXPECT_TRUE(without->running());
  stop_cleanly(*without);

  spec.environment = role.environment();
  const auto daemon = start(spec);
  ASSERT_TRUE(daemon->wait_log("SASL authentication error", kLong));
  ASSERT_TRUE(daemon->wait_log("not ready", kLong));
  role.turn_good();
  ASSERT_TRUE(wait_caught_up());
  ASSERT_TRUE(daemon->wait_log("ready again", kLong));
  stop_cleanly(*daemon);
  expect_no_secret(daemon->log());
}

}  // namespace
}  // namespace moult::testing
