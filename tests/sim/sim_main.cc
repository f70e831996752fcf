// moult_sim: runs random histories of the dispatcher until one breaks a rule.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>

#include "tests/sim/guard.h"

namespace {

using moult::sim::Failed;
using moult::sim::HistoryOptions;

void report(const Failed& failed, const HistoryOptions& options) {
  HistoryOptions again = options;
  again.stream = true;
  moult::sim::find_failure(failed.seed, 1, again);
  fmt::print(stderr, "seed {} failed: {}\n", failed.seed, failed.why);
  fmt::print(stderr, "replay: tools/sim --seed {} --histories 1 --steps {}{} --verbose\n",
             failed.seed, options.world_steps, options.undisturbed ? " --undisturbed" : "");
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 1;
  std::uint64_t histories = 1;
  HistoryOptions options;
  CLI::App app("Random histories of the dispatcher, each wholly given by its seed.");
  app.add_option("--seed", seed, "Seed of the first history");
  app.add_option("--histories", histories, "How many, with the seeds that follow")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
  app.add_option("--steps", options.world_steps, "Steps of the world in a history")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000}));
  app.add_flag("--undisturbed", options.undisturbed,
               "Only reloads: no crash, no revocation, no new log");
  app.add_flag("--verbose", options.stream, "Print every line of every trace");
  CLI11_PARSE(app, argc, argv);

  const auto begin = std::chrono::steady_clock::now();
  const auto failed = moult::sim::find_failure(seed, histories, options);
  if (failed) {
    report(*failed, options);
    return 1;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  fmt::print("{} histories from seed {} in {:.1f} s, no rule broken\n", histories, seed,
             took.count());
  return 0;
}
