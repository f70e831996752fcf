#include "tests/sim/world.h"

#include <string>

namespace moult::sim {

World::World(std::uint64_t its_seed, std::size_t world_steps)
    : seed(its_seed),
      random(its_seed),
      settings(draw_settings(random, world_steps)),
      faults(settings.faults) {
  for (std::size_t i = 0; i < settings.partitions; ++i) {
    const std::size_t handler = i % settings.handlers.size();
    const TopicPartition name{"topic-" + std::to_string(handler), static_cast<std::int32_t>(i)};
    partitions.emplace_back(name, HandlerIndex{static_cast<std::uint32_t>(handler)});
    append(i, random.between(0, 30));
  }
}

std::size_t World::index_of(const TopicPartition& name) const {
  return static_cast<std::size_t>(name.partition);
}

void World::append(std::size_t partition, std::size_t records) {
  Partition& to = partitions[partition];
  for (std::size_t i = 0; i < records; ++i) {
    while (random.chance(0.1)) to.append_gap();
    const bool fails = random.chance(faults.record_fails);
    to.append(ledger.add(fails ? static_cast<std::uint32_t>(random.between(1, 4)) : 0));
  }
  if (random.chance(0.2)) to.append_gap();  // a control record at the tail
  note("broker: p{} ends at {}", partition, to.end());
}

}  // namespace moult::sim
