#include "tests/sim/settings.h"

namespace moult::sim {
namespace {

using std::chrono::milliseconds;

double sometimes(Random& random, double probability) {
  return random.chance(0.45) ? probability : 0;
}

Faults draw_faults(Random& random) {
  Faults faults;
  faults.record_fails = sometimes(random, random.chance(0.2) ? 0.3 : 0.03);
  faults.turn_hangs = sometimes(random, 0.02);
  faults.create_fails = sometimes(random, 0.3);
  faults.revoked_slow = sometimes(random, 0.2);
  faults.commit_fails = sometimes(random, 0.15);
  faults.commit_lost = sometimes(random, 0.05);
  faults.commit_slow = sometimes(random, 0.15);
  faults.rebalance = random.chance(0.8) ? 0.12 : 0.02;
  faults.eviction = sometimes(random, 0.03);
  faults.crash = sometimes(random, 0.02);
  faults.stop = sometimes(random, 0.02);
  faults.quiet = sometimes(random, 0.01);
  faults.truncation = random.chance(0.15) ? 0.03 : 0;
  return faults;
}

DispatcherOptions draw_dispatcher(Random& random) {
  DispatcherOptions options;
  for (int i = 0; i < 2; ++i) {
    const Duration backoff = random.between(milliseconds(5), milliseconds(400));
    options.handlers.push_back({backoff, backoff * static_cast<int>(random.between(1, 10))});
  }
  options.commit_interval = random.between(milliseconds(10), milliseconds(1000));
  options.revoke_deadline = random.between(milliseconds(0), milliseconds(3000));
  options.commit_timeout = random.between(milliseconds(50), milliseconds(1500));
  options.seed = random.next();
  return options;
}

}  // namespace

Settings draw_settings(Random& random, std::size_t world_steps) {
  Settings settings;
  settings.partitions = random.between(1, 5);
  settings.slots = random.between(1, 4);
  settings.max_records = random.between(1, 12);
  settings.queue_bound = random.between(2, 20);
  if (random.chance(0.4)) settings.linger = random.between(milliseconds(1), milliseconds(100));
  settings.cooperative = random.chance(0.5);
  settings.stop_deadline = random.between(milliseconds(0), milliseconds(4000));
  if (random.chance(0.4)) {
    settings.stop_commit = random.between(milliseconds(0), milliseconds(2000));
  }
  settings.dispatcher = draw_dispatcher(random);
  settings.faults = draw_faults(random);
  settings.world_steps = world_steps;
  return settings;
}

}  // namespace moult::sim
