// Rounds of faults, each drawn from its seed. What to give by the environment:
//
//   MOULT_CHAOS_SEED     of the first round; the next ones follow it. Printed at the start, and by
//                        a round that fails, which then is the first of its own seed.
//   MOULT_CHAOS_SECONDS  how long; one round at least, and no more than fit in it. Default 75
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>

#include "tests/chaos/round.h"

namespace moult::testing {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::stoull(text);
}

Round::Figures run(std::uint64_t seed) {
  const Plan plan(seed);
  Round round(plan, ProxiedCluster::shared());
  try {
    round.run();
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
  if (::testing::Test::HasFailure()) {
    ADD_FAILURE() << "this round: MOULT_CHAOS_SEED=" << seed << " MOULT_CHAOS_SECONDS=1, "
                  << round.text();
  }
  return round.figures();
}

TEST(Chaos, NothingIsLostWhateverFails) {
  const std::uint64_t first = from_environment("MOULT_CHAOS_SEED", std::random_device{}());
  const std::chrono::seconds length(from_environment("MOULT_CHAOS_SECONDS", 75));
  fmt::print("MOULT_CHAOS_SEED={}\n", first);
  std::fflush(stdout);
  const TimePoint end = Clock::now() + length;
  Duration longest{0};
  Round::Figures sum;
  std::uint64_t rounds = 0;
  do {
    const TimePoint from = Clock::now();
    const Round::Figures figures = run(first + rounds++);
    fmt::print(
        "seed {}: {} faults, {} records, {} handled again, {} commits seen, {} rewound, {} s, "
        "settled in {} ms\n",
        first + rounds - 1, figures.faults, figures.records, figures.repeats, figures.commits,
        figures.rewinds, to_ms(Clock::now() - from) / 1'000, to_ms(figures.settled_in));
    std::fflush(stdout);
    longest = std::max(longest, Clock::now() - from);
    sum.faults += figures.faults;
    sum.records += figures.records;
    sum.repeats += figures.repeats;
  } while (!HasFailure() && Clock::now() + longest < end);
  fmt::print("{} rounds: {} faults, {} records, {} handled again\n", rounds, sum.faults,
             sum.records, sum.repeats);
}

}  // namespace
}  // namespace moult::testing
