// config/docker, built and run: the image, and the daemon as process 1 of a container.
#include <fmt/format.h>

#include <filesystem>

#include "runtime/base/parts.h"
#include "tests/deploy/docker_fixture.h"
#include "tests/deploy/steady_traffic.h"
#include "tests/support/certificates.h"

namespace moult::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kPerSecond = 6'000;
constexpr std::chrono::minutes kBuild{10};

std::string source(const std::string& path) { return std::string(MOULT_SOURCE_DIR "/") + path; }

std::string inspect(const std::string& image, const std::string& format) {
  return podman({"image", "inspect", "--format=" + format, image}).out;
}

/// Runs a command in a container of the image, as `docker run --rm` does.
Finished run_once(const std::string& image, const std::vector<std::string>& command) {
  std::vector<std::string> all{"run",         "--rm", "--pull=never", "--network=host",
                               "--read-only", image};
  all.insert(all.end(), command.begin(), command.end());
  return podman(all);
}

TEST(DockerImage, SaysHowItIsToBeRun) {
  const std::string& image = Images::built().moult;
  EXPECT_EQ(inspect(image, "{{.Config.User}}"), "10001:10001\n");
  EXPECT_EQ(inspect(image, "{{json .Config.Cmd}}"), "[\"moult\",\"run\"]\n");
  EXPECT_EQ(inspect(image, "{{json .Config.Entrypoint}}"), "null\n");
  EXPECT_EQ(inspect(image, "{{.Config.StopSignal}}"), "SIGTERM\n");
  EXPECT_THAT(inspect(image, "{{json .HealthCheck.Test}}"),
              HasSubstr(R"(["CMD","moult","health"])"));
  EXPECT_THAT(inspect(image, "{{json .Config.Volumes}}"), HasSubstr("/var/cache/moult"));
  const auto mib = [](const std::string& id) {
    return std::stod(inspect(id, "{{.Size}}")) / (1024 * 1024);
  };
  const double size = mib(image);
  const double base = mib(Images::built().base);
  fmt::print("size of the image: {:.0f} MiB, {:.0f} of them the base\n", size, base);
  RecordProperty("image_mib", static_cast<int>(size));
  EXPECT_LT(size - base, 120) << "something came along that the daemon does not need";
}

TEST(DockerImage, HasWhatTheDaemonNeedsAndNothingToBuildWith) {
  const std::string& image = Images::built().moult;
  const Finished version = run_once(image, {"moult", "version"});
  EXPECT_EQ(version.status, 0) << version.errors;
  EXPECT_THAT(version.out, HasSubstr("librdkafka"));
  EXPECT_EQ(run_once(image, {"id", "-u"}).out, "10001\n");
  const Finished authorities =
      run_once(image, {"grep", "-c", "BEGIN CERTIFICATE", "/etc/ssl/certs/ca-certificates.crt"});
  EXPECT_GT(std::stoi(authorities.out), 100) << "certificate authorities";
  for (const char* tool : {"cc", "cmake", "git"}) {
    EXPECT_NE(run_once(image, {"sh", "-c", std::string("command -v ") + tool}).status, 0) << tool;
  }
  EXPECT_NE(run_once(image, {"sh", "-c", ": >/opt/moult/written"}).status, 0) << "root's";
  EXPECT_EQ(run_once(image, {"sh", "-c", ": >/var/cache/moult/written"}).status, 0);
}

/// What Docker's own program makes of the file: it knows each key.
TEST(DockerCompose, IsAFileThatDockerTakes) {
  const Finished config = run_to_end(
      {"docker-compose", "-f", MOULT_SOURCE_DIR "/config/docker/compose.yaml", "config"}, kLong);
  EXPECT_EQ(config.status, 0) << config.errors;
  EXPECT_THAT(config.out, AllOf(HasSubstr("dockerfile: config/docker/Dockerfile"),
                                HasSubstr("read_only: true"), HasSubstr("KAFKA_BROKERS: kafka:")));
  EXPECT_THAT(config.out,
              HasSubstr("command:\n    - /example/build\n    - /src\n    - /plugins\n"));
  for (const char* folder :
       {"config/docker/example", "config/docker/example/config", "sdk/template"}) {
    EXPECT_THAT(config.out,
                HasSubstr(std::string("source: " MOULT_SOURCE_DIR "/") + folder + "\n"));
  }
}

class Docker : public InContainer {};

TEST_F(Docker, TermToProcessOneDrainsUnderTraffic) {
  make_topic(4);
  const auto container = start(contained_spec({{"sleep_ms_per_batch", "50"}}));
  SteadyTraffic traffic(producer_, topic_, partitions_, kPerSecond);
  ASSERT_TRUE(ledger_.wait_handled(5'000, kLong));
  EXPECT_EQ(container->exec({"cat", "/proc/1/comm"}).out, "moult\n");
  stop_cleanly(*container);
  traffic.end();
  const std::size_t before = ledger_.handled();
  EXPECT_LT(before, producer_.produced().size()) << "it stopped in the middle";
  // The rest is left to the next one, and nothing comes twice.
  const auto next = start(contained_spec({{"tag", "again"}}));
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*next);
  expect_all_once();
}

TEST_F(Docker, ReloadByExecSwapsThePluginAndLosesNothing) {
  make_topic(4);
  DaemonSpec spec = contained_spec();
  never_missed(spec);
  const auto container = start(spec);
  const std::size_t generations = cluster_.generations(group_);
  EXPECT_THAT(container->exec({"grep", " / ", "/proc/mounts"}).out, HasSubstr(" ro,"));
  SteadyTraffic traffic(producer_, topic_, partitions_, kPerSecond);
  ASSERT_TRUE(ledger_.wait_handled(5'000, kLong));
  install_plugin("2");
  const Finished reload = container->exec({"moult", "reload"});
  EXPECT_EQ(reload.status, 0) << reload.errors;
  EXPECT_THAT(reload.out, HasSubstr("active on 4 lanes"));
  ASSERT_TRUE(ledger_.wait([](const Entries& all) { return !of_tag(all, "2").empty(); }, kLong));
  install_file("not a plugin");
  const Finished refused = container->exec({"moult", "reload"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.errors, HasSubstr("refused by rule elf-magic"));
  traffic.end();
  EXPECT_GE(traffic.rate(), 5'000);
  ASSERT_TRUE(wait_all_handled());
  fmt::print("reload in a container at {:.0f} records/s: {}\n", traffic.rate(),
             journey_of(traffic, ledger_.read()).to_string());
  EXPECT_EQ(cluster_.generations(group_), generations) << "no rebalance";
  stop_cleanly(*container);
  expect_all_once();
}

TEST_F(Docker, ACrashOfProcessOneEndsTheContainerWithAReport) {
  make_topic(1);
  const auto container = start(contained_spec({{"crash_offset", "3"}}));
  send(10);
  EXPECT_EQ(container->exit_code(), 128 + SIGSEGV);
  EXPECT_THAT(container->log(), AllOf(HasSubstr("SIGSEGV"), HasSubstr(topic_)));
}

TEST_F(Docker, ATeamsImageHasItsPluginInItAndABadOneMakesNoImage) {
  make_topic(1);
  const std::filesystem::path folder = scratch_ / "team";
  std::filesystem::create_directory(folder);
  std::filesystem::copy_file(MOULT_SOURCE_DIR "/tests/support/plugins/ledger.cc",
                             folder / "ledger.cc");
  write_file(folder / "CMakeLists.txt",
             "cmake_minimum_required(VERSION 3.18)\nproject(team LANGUAGES CXX)\n"
             "find_package(Moult REQUIRED)\nfind_package(simdjson REQUIRED)\n"
             "moult_add_plugin(ledger ledger.cc)\n"
             "target_link_libraries(ledger PRIVATE simdjson::simdjson)\n");
  const auto build = [&](DaemonSpec spec) {
    // The check at the build makes an instance, which opens its ledger.
    handler(spec).settings["ledger"] = "/var/cache/moult/ledger";
    write_file(folder / "moult.yaml", spec.yaml());
    return podman({"build", "--quiet", "--isolation=chroot", "--format=docker", "--layers",
                   "--build-arg=MOULT=" + Images::built().moult,
                   "--build-arg=MOULT_SDK=" + Images::built().sdk,
                   "--file=" + source("config/docker/Dockerfile.team"), folder.string()},
                  kBuild);
  };
  const Finished bad = build(contained_spec({{"fail_create", "true"}}));
  EXPECT_NE(bad.status, 0);
  EXPECT_THAT(bad.out + bad.errors, HasSubstr("refused by rule create"));
  const Finished built = build(contained_spec({{"tag", "team"}}));
  ASSERT_EQ(built.status, 0) << built.out << built.errors;
  const std::string image = built.out.substr(0, built.out.find('\n'));
  const Container container(
      image, {.mounts = {(scratch_ / "ledger").string() + ":/var/cache/moult/ledger"}});
  send(100);
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(container);
  expect_all_once();
  podman({"image", "rm", "--force", image});
}

/// What compose.yaml does, with this test's broker.
TEST_F(Docker, TheExampleOfComposeBuildsItsPluginAndHandlesRecords) {
  const std::string example = source("config/docker/example");
  const std::string plugins = (scratch_ / "plugins").string();
  const Finished built = podman(
      {"run", "--rm", "--pull=never", "--volume=" + example + ":/example:ro",
       "--volume=" + source("sdk/template") + ":/src:ro", "--volume=" + plugins + ":/plugins",
       Images::built().sdk, "/example/build", "/src", "/plugins"},
      kBuild);
  ASSERT_EQ(built.status, 0) << built.out << built.errors;
  const std::string topic = "greetings";  // as its configuration says
  admin_.create_topic(topic, 1);
  const Container container(
      Images::built().moult,
      {.mounts = {example + "/config:/etc/moult:ro", plugins + ":/opt/moult/plugins:ro"},
       .environment = {{"KAFKA_BROKERS", cluster_.bootstrap()}}});
  producer_.send_sequence(topic, 1, 100);
  EXPECT_TRUE(admin_.wait_caught_up("greetings", {topic}, kLong));
  container.stop(seconds(30));
  EXPECT_EQ(container.exit_code(), 0);
}

/// What a dyno is given, and who runs it: nobody that the image knows.
std::vector<std::string> dyno(const Scratch& scratch) {
  const CertificateAuthority authority(scratch, "authority");
  const auto client = authority.identity("client", {.host = "client"});
  return {"run",
          "--rm",
          "--pull=never",
          "--network=host",
          "--user=23456:23456",
          "--env=KAFKA_URL=kafka+ssl://127.0.0.1:1",
          "--env=KAFKA_CLIENT_CERT=" + client.certificate,
          "--env=KAFKA_CLIENT_CERT_KEY=" + client.key,
          "--env=KAFKA_TRUSTED_CERT=" + read_file(authority.certificate())};
}

TEST_F(Docker, HerokusBuildTriesThePluginsAndADynoTakesTheConfiguration) {
  const std::string heroku = read_file(MOULT_SOURCE_DIR "/config/heroku/heroku.yml");
  const auto at = heroku.find("CHECK: ");
  ASSERT_NE(at, std::string::npos);
  const std::string check = heroku.substr(at, heroku.find('\n', at) - at);
  const std::filesystem::path folder = scratch_ / "app";
  std::filesystem::copy(MOULT_SOURCE_DIR "/sdk/template", folder);
  write_file(folder / "moult.yaml", read_file(MOULT_SOURCE_DIR "/config/heroku/moult.yaml"));
  const auto replace = [&](const char* file, const std::string& from, const std::string& to) {
    std::string text = read_file(folder / file);
    for (auto found = text.find(from); found != std::string::npos;
         found = text.find(from, found + to.size())) {
      text.replace(found, from.size(), to);
    }
    write_file(folder / file, text);
  };
  replace("CMakeLists.txt", "handler handler.cc", "orders handler.cc");
  const auto build = [&] {
    return podman({"build", "--isolation=chroot", "--format=docker", "--layers",
                   "--build-arg=MOULT=" + Images::built().moult,
                   "--build-arg=MOULT_SDK=" + Images::built().sdk,
                   "--build-arg=CHECK=" + check.substr(check.find(' ') + 1),
                   "--file=" + source("config/docker/Dockerfile.team"), folder.string()},
                  kBuild);
  };
  const Finished built = build();
  ASSERT_EQ(built.status, 0) << built.out << built.errors;
  const std::string image(parts_of(trimmed(built.out), '\n').back());
  std::vector<std::string> command = dyno(scratch_);
  command.insert(command.end(), {image, "moult", "check"});
  const Finished checked = podman(command);
  EXPECT_EQ(checked.status, 0) << checked.out << checked.errors;
  podman({"image", "rm", "--force", image});

  replace("handler.cc", "context_(context) {}", "context_(context) { throw 1; }");
  const Finished bad = build();
  EXPECT_NE(bad.status, 0);
  EXPECT_THAT(bad.out + bad.errors, HasSubstr("orders.so: refused by create-failed"));
}

/// With a broker that the test may stop.
class DockerHealth : OwnCluster, public InContainer {
 protected:
  DockerHealth() : InContainer(own_cluster) {}
};

TEST_F(DockerHealth, TurnsWhenTheBrokerGoesAndComesBack) {
  make_topic(1);
  const auto container = start(contained_spec());
  const auto turns = [&](bool healthy) {
    return eventually([&] { return container->healthy() == healthy; }, kLong, milliseconds(200));
  };
  EXPECT_TRUE(turns(true));
  cluster_.stop_node(1, KafkaCluster::Stop::kKill);
  EXPECT_TRUE(turns(false));
  EXPECT_TRUE(container->running()) << "it waits for its broker";
  cluster_.start_node(1);
  EXPECT_TRUE(turns(true));
  send(100);
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*container);
  expect_all_once();
}

}  // namespace
}  // namespace moult::testing
