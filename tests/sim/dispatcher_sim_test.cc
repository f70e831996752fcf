#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/sim/guard.h"

namespace moult::sim {
namespace {

std::uint64_t histories_wanted() {
  const char* wanted = std::getenv("MOULT_SIM_HISTORIES");
  return wanted == nullptr ? 2000 : std::strtoull(wanted, nullptr, 10);
}

TEST(O5, RandomHistoriesBreakNoRule) {
  const auto failed = find_failure(1, histories_wanted(), {});
  if (failed) {
    FAIL() << failed->why << "\nreplay: tools/sim --seed " << failed->seed
           << " --histories 1 --steps " << HistoryOptions{}.world_steps << " --verbose";
  }
}

TEST(O5, LongHistoriesBreakNoRule) {
  const HistoryOptions options{.world_steps = 1000};
  const auto failed = find_failure(1'000'001, histories_wanted() / 50 + 1, options);
  if (failed) {
    FAIL() << failed->why << "\nreplay: tools/sim --seed " << failed->seed
           << " --histories 1 --steps " << options.world_steps << " --verbose";
  }
}

TEST(O5, ReloadsAloneRepeatNothing) {
  const HistoryOptions options{.undisturbed = true};
  const auto failed = find_failure(2'000'001, histories_wanted() / 4 + 1, options);
  if (failed) {
    FAIL() << failed->why << "\nreplay: tools/sim --seed " << failed->seed
           << " --histories 1 --steps " << options.world_steps << " --undisturbed --verbose";
  }
}

TEST(O5, ASeedReplaysTheSameHistory) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const HistoryResult first = run_history(seed, {});
    const HistoryResult second = run_history(seed, {});
    EXPECT_EQ(first.hash, second.hash) << "seed " << seed;
    EXPECT_EQ(first.events, second.events) << "seed " << seed;
  }
}

TEST(O5, AnotherSeedIsAnotherHistory) {
  EXPECT_NE(run_history(1, {}).hash, run_history(2, {}).hash);
}

}  // namespace
}  // namespace moult::sim
