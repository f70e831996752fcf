// Reloads that go on for months leave nothing behind in the process.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "tests/kafka/reload_fixture.h"

namespace moult::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// What a process holds, as the kernel counts it.
struct Holdings {
  std::size_t rss_kib = 0;
  std::ptrdiff_t mappings = 0;
  std::ptrdiff_t threads = 0;
  std::ptrdiff_t descriptors = 0;
  std::ptrdiff_t staged = 0;  // copies of plugins
};

std::ptrdiff_t entries_of(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

class ReloadMany : public OneReloads {
 protected:
  /// Some 50 ms each: the default fits into a run of all tests. MOULT_RELOADS=10000 takes ten
  /// minutes.
  static int reloads() {
    const char* wanted = std::getenv("MOULT_RELOADS");
    return wanted == nullptr ? 500 : std::stoi(wanted);
  }

  std::filesystem::path staging() const { return scratch_ / "staging"; }

  DaemonSpec counting(const std::string& plugin) const {
    DaemonSpec counting = spec();
    counting.options["staging_path"] = staging().string();
    handler(counting).plugin = plugin;
    return counting;
  }

  Holdings holdings(const Daemon& daemon) const {
    const std::filesystem::path of_process = "/proc/" + std::to_string(daemon.pid());
    const std::string maps = read_file(of_process / "maps");
    return {daemon.memory_kib("VmRSS"), std::count(maps.begin(), maps.end(), '\n'),
            entries_of(of_process / "task"), entries_of(of_process / "fd"), entries_of(staging())};
  }

  static void show(int reloads, const Holdings& held) {
    std::cout << fmt::format("after {} reloads: {} KiB, {} mappings, {} threads, {} descriptors\n",
                             reloads, held.rss_kib, held.mappings, held.threads, held.descriptors);
  }
};

// Every reload loads the other one of two files, so that no page is shared, and hands the counts
// over. The first hundred are allowed to grow: caches fill, and each thread has an arena of its
// own.
TEST_F(ReloadMany, H2_MemoryAndMappingsLevelOff) {
  constexpr int kWarm = 100;
  constexpr std::size_t kGrowthKib = 4UL * 1024;
  constexpr std::ptrdiff_t kFew = 16;  // a leak would be one for each reload at least
  ASSERT_GE(reloads(), 2 * kWarm) << "MOULT_RELOADS is too small to show anything";
  make_topic(4);
  const auto daemon = start(counting(MOULT_COUNT_KEYS));
  ASSERT_TRUE(daemon->wait_log("partition assigned", kLong));
  Holdings warm;
  {
    Traffic traffic([this] { send(20); });
    for (int i = 1; i <= reloads(); ++i) {
      configure(*daemon, counting(i % 2 == 0 ? MOULT_COUNT_KEYS : MOULT_COUNT_KEYS_REBUILT));
      const Finished reload = ask(*daemon, "reload");
      ASSERT_EQ(reload.status, 0) << "reload " << i << ": " << reload.errors;
      ASSERT_THAT(reload.out, Not(HasSubstr("unchanged")));
      if (i == kWarm) warm = holdings(*daemon);
      if (i % kWarm == 0) show(i, holdings(*daemon));
    }
  }
  const Holdings held = holdings(*daemon);
  EXPECT_LT(held.rss_kib, warm.rss_kib + kGrowthKib);
  EXPECT_LE(held.mappings, warm.mappings + kFew);
  EXPECT_LE(held.threads, warm.threads + kFew);
  EXPECT_LE(held.descriptors, warm.descriptors + kFew);
  EXPECT_LE(held.staged, 2) << "the active one's, and the one before";
  EXPECT_EQ(daemon->log_count("plugin stays mapped"), 0U);
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  stop_cleanly(*daemon);
}

}  // namespace
}  // namespace moult::testing
