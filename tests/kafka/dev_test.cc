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
  const auto configure = [&](const std::string& tag) {
    write_file(scratch / "dev.yaml",
               "kafka: {bootstrap.servers: nowhere, auto.offset.reset: earliest}\n"
               "consumers:\n- group: g\n  handlers:\n  - name: ledger\n    plugin: ledger.so\n"
               "    topics: [t]\n    settings: {ledger: " +
                   (scratch / "ledger").string() + ", tag: '" + tag + "'}\n");
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
  dev.signal(SIGTERM);
  EXPECT_EQ(dev.wait_exit(kLong), 0);
}

}  // namespace
}  // namespace moult::testing
