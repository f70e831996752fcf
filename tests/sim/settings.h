#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/dispatch/dispatcher.h"
#include "tests/sim/random.h"

namespace moult::sim {

/// Probabilities; each history has only some of them above zero.
struct Faults {
  // Of one thing that is done.
  double record_fails = 0;
  double turn_hangs = 0;
  double delivery_fails = 0;
  double delivery_slow = 0;
  double create_fails = 0;
  double create_slow = 0;
  double swap_refused = 0;
  double swap_slow = 0;
  double revoked_slow = 0;
  double commit_fails = 0;
  double commit_lost = 0;
  double commit_slow = 0;
  double commit_retried = 0;
  // Of one step of the world.
  double rebalance = 0;
  double reload = 0;   // of one handler
  double pause = 0;    // of one handler
  double added = 0;    // of the late handler, while it is not there
  double removed = 0;  // of the late handler
  double eviction = 0;
  double crash = 0;
  double stop = 0;
  double quiet = 0;
  double truncation = 0;
};

/// What becomes of a record whose attempts are used up.
enum class GiveUp { kNever, kSkip, kDeadLetter, kStop };

/// What the workers know of a handler.
struct HandlerSettings {
  std::size_t key_slots = 0;  // that a partition is spread over; 0: none
  GiveUp give_up = GiveUp::kNever;
  std::uint32_t max_attempts = 1;
};

/// What every record weighs.
inline constexpr std::uint64_t kRecordBytes = 100;

/// What one history is like.
struct Settings {
  std::size_t partitions = 1;
  std::size_t slots = 1;
  std::size_t max_records = 1;
  std::size_t queue_bound = 8;
  Duration linger{0};
  bool cooperative = false;
  Duration stop_deadline{0};
  std::optional<Duration> stop_commit;  // what the last commit has after that
  DispatcherOptions dispatcher;
  std::vector<HandlerSettings> handlers;  // by HandlerIndex
  std::optional<HandlerIndex> late;       // comes and goes; the others are there from the start
  Faults faults;
  std::size_t world_steps = 100;
};

Settings draw_settings(Random& random, std::size_t world_steps);

/// As a handler's config may have it; its records are not spread.
HandlerPolicy draw_policy(Random& random);

}  // namespace moult::sim
