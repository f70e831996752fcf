// `moult dev`: the embedded broker, and a developer who changes things.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/process.h"
#include "tests/support/scratch.h"
#include "tests/support/wait.h"

namespace moult::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto kLong = 30s;

TEST(Dev, ReloadsWhenThePluginOrTheConfigIsWritten) {
  const Scratch scratch;
  const std::filesystem::path plugin = scratch / "ledger.so";
  std::filesystem::copy_file(MOULT_LEDGER, plugin);
  const auto handler = [&](const std::string& name, const std::string& file,
                           const std::string& topic, const std::string& tag) {
    return "  - {name: " + name + ", plugin: " + file + ", topics: [" + topic +
           "], settings: {ledger: " + (scratch / "ledger").string() + ", tag: '" + tag + "'}}\n";
  };
  const auto configure = [&](const std::string& tag, const std::string& others = "") {
    write_file(scratch / "dev.yaml",
               "kafka: {bootstrap.servers: nowhere, auto.offset.reset: earliest}\n"
               "consumers:\n- group: g\n  handlers:\n" +
                   handler("ledger", "ledger.so", "t", tag) + others);
  };
  configure("1");
  const std::filesystem::path log = scratch / "log";
  Process dev({MOULT_BINARY, "dev", "--config", (scratch / "dev.yaml").string()}, {log, log});
  const auto logged = [&](const std::string& text) {
    return eventually([&] { return read_file(log).find(text) != std::string::npos; }, kLong);
  };
  ASSERT_TRUE(logged("partition assigned"));
  configure("2");
  EXPECT_TRUE(logged("generation 2 (ledger")) << read_file(log);
  write_file(plugin, "half a build");
  EXPECT_TRUE(logged("refused by rule elf-magic")) << read_file(log);
  std::filesystem::copy_file(MOULT_LEDGER, scratch / "whole.so");
  std::filesystem::rename(scratch / "whole.so", plugin);
  EXPECT_TRUE(logged("unchanged: generation 2")) << read_file(log);
  // Another handler, of a topic that was not there; its plugin is watched as well.
  const std::filesystem::path second = scratch / "second.so";
  std::filesystem::copy_file(MOULT_LEDGER, second);
  configure("2", handler("second", "second.so", "t2", "2"));
  EXPECT_TRUE(logged("added: generation 1")) << read_file(log);
  EXPECT_TRUE(logged(R"("topic":"t2","partition":0)")) << read_file(log);
  write_file(second, "half a build");
  EXPECT_TRUE(logged("second.so: refused by rule elf-magic")) << read_file(log);
  dev.signal(SIGTERM);
  EXPECT_EQ(dev.wait_exit(kLong), 0);
}

// The embedded broker asks for no token, and no machine is asked for one.
/// `moult dev` with the dev.yaml there gets partitions, and ends when it is told to.
void expect_runs(const Scratch& scratch) {
  const std::filesystem::path log = scratch / "log";
  Process dev({MOULT_BINARY, "dev", "--config", (scratch / "dev.yaml").string()}, {log, log});
  EXPECT_TRUE(eventually(
      [&] { return read_file(log).find("partition assigned") != std::string::npos; }, kLong))
      << read_file(log);
  dev.signal(SIGTERM);
  EXPECT_EQ(dev.wait_exit(kLong), 0) << read_file(log);
}

TEST(Dev, AConfigurationForMskByIamRunsOnTheEmbeddedBroker) {
  const Scratch scratch;
  write_file(scratch / "dev.yaml",
             "preset: msk-iam\nkafka: {bootstrap.servers: "
             "'b-1.o.a1.c2.kafka.eu-west-1.amazonaws.com:9098', auto.offset.reset: earliest}\n"
             "consumers:\n- group: g\n  handlers:\n  - {name: ledger, plugin: " MOULT_LEDGER
             ", topics: [t], settings: {ledger: " +
                 (scratch / "ledger").string() + "}}\n");
  expect_runs(scratch);
}

/// A configuration of one handler, with these properties of `kafka`.
void expect_embedded(const std::string& properties) {
  const Scratch scratch;
  write_file(scratch / "dev.yaml",
             "kafka: {" + properties +
                 ", auto.offset.reset: earliest}\n"
                 "consumers:\n- group: g\n  handlers:\n  - {name: ledger, plugin: " MOULT_LEDGER
                 ", topics: [t, '^u'], settings: {ledger: " +
                 (scratch / "ledger").string() + "}}\n");
  expect_runs(scratch);
}

TEST(Dev, NoOtherNameOfTheBrokersLeadsToTheConfigsOwn) {
  expect_embedded("metadata.broker.list: '127.0.0.1:1'");
  expect_embedded("test.mock.num.brokers: 1");
}

TEST(Dev, TheNewProtocolRunsOnTheEmbeddedBroker) {
  expect_embedded("bootstrap.servers: nowhere, group.protocol: consumer");
}

}  // namespace
}  // namespace moult::testing
