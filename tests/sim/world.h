#pragma once

#include <functional>
#include <vector>

#include "tests/sim/partition.h"
#include "tests/sim/random.h"
#include "tests/sim/schedule.h"
#include "tests/sim/settings.h"
#include "tests/sim/trace.h"

namespace moult::sim {

/// Everything that outlives a process: the clock, the broker's logs and offsets, the ledger.
struct World {
  World(std::uint64_t seed, std::size_t world_steps);

  const std::uint64_t seed;
  Random random;
  const Settings settings;
  Faults faults;  // settings.faults until the end of the history, then none
  Schedule schedule;
  Trace trace;
  Ledger ledger;
  std::vector<Partition> partitions;
  bool late_is_read = false;  // as the config file has it

  void note(const char* what, std::size_t a = 0, std::int64_t b = 0, std::int64_t c = 0) {
    trace.add(schedule.now(), what, static_cast<std::int64_t>(a), b, c);
  }
  std::size_t index_of(const TopicPartition& name) const;
  bool reads(HandlerIndex handler) const { return handler != settings.late || late_is_read; }

  /// Adds records and gaps to a log.
  void append(std::size_t partition, std::size_t records);
};

}  // namespace moult::sim
