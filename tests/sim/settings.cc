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
  faults.delivery_fails = sometimes(random, 0.3);
  faults.delivery_slow = sometimes(random, 0.3);
  faults.create_fails = sometimes(random, 0.3);
  faults.create_slow = sometimes(random, 0.1);
  faults.swap_refused = sometimes(random, 0.2);
  faults.swap_slow = sometimes(random, 0.1);
  faults.revoked_slow = sometimes(random, 0.2);
  faults.commit_fails = sometimes(random, 0.15);
  faults.commit_lost = sometimes(random, 0.05);
  faults.commit_slow = sometimes(random, 0.15);
  faults.commit_retried = sometimes(random, 0.15);
  faults.rebalance = random.chance(0.8) ? 0.12 : 0.02;
  faults.reload = random.chance(0.6) ? 0.15 : 0;
  faults.pause = sometimes(random, 0.08);
  faults.added = 0.1;
  faults.removed = sometimes(random, 0.05);
  faults.eviction = sometimes(random, 0.03);
  faults.crash = sometimes(random, 0.02);
  faults.stop = sometimes(random, 0.02);
  faults.quiet = sometimes(random, 0.01);
  faults.truncation = random.chance(0.15) ? 0.03 : 0;
  return faults;
}

DispatcherOptions draw_dispatcher(Random& random) {
  DispatcherOptions options;
  const std::size_t handlers = random.chance(0.3) ? 3 : 2;
  while (options.handlers.size() < handlers) options.handlers.push_back(draw_policy(random));
  options.commit_interval = random.between(milliseconds(10), milliseconds(1000));
  if (random.chance(0.1)) {
    options.revoke_deadline = Duration{0};
  } else {
    options.revoke_deadline = random.between(milliseconds(0), milliseconds(3000));
  }
  options.commit_timeout = random.between(milliseconds(50), milliseconds(1500));
  options.seed = random.next();
  return options;
}

GiveUp draw_give_up(Random& random) {
  if (random.chance(0.4)) return GiveUp::kNever;
  if (random.chance(0.6)) return GiveUp::kDeadLetter;
  return random.chance(0.7) ? GiveUp::kSkip : GiveUp::kStop;
}

HandlerSettings draw_handler(Random& random, HandlerPolicy& policy) {
  HandlerSettings handler;
  handler.give_up = draw_give_up(random);
  handler.max_attempts = static_cast<std::uint32_t>(random.between(1, 4));
  if (random.chance(0.5)) return handler;
  handler.key_slots = random.between(1, 4);
  policy.max_ahead = random.between(5, 30);
  if (random.chance(0.3)) policy.max_ahead_bytes = kRecordBytes * random.between(1, 20);
  return handler;
}

}  // namespace

HandlerPolicy draw_policy(Random& random) {
  const Duration backoff = random.between(milliseconds(5), milliseconds(400));
  HandlerPolicy policy{backoff, backoff * static_cast<int>(random.between(1, 10))};
  if (random.chance(0.4)) policy.deadline = random.between(milliseconds(5), milliseconds(2000));
  return policy;
}

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
  for (HandlerPolicy& policy : settings.dispatcher.handlers) {
    settings.handlers.push_back(draw_handler(random, policy));
  }
  if (settings.handlers.size() > 2) settings.late = HandlerIndex{2};
  settings.faults = draw_faults(random);
  settings.world_steps = world_steps;
  return settings;
}

}  // namespace moult::sim
