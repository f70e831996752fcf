#include "tests/sim/broker.h"

#include <algorithm>

namespace moult::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;

Broker::Fate Broker::draw_fate() {
  if (world_.random.chance(world_.faults.commit_fails)) return Fate::kFails;
  if (world_.random.chance(world_.faults.commit_lost)) {
    return world_.random.chance(0.5) ? Fate::kRequestLost : Fate::kAnswerLost;
  }
  if (world_.random.chance(world_.faults.commit_retried)) return Fate::kRetried;
  return Fate::kFine;
}

void Broker::commit(CommitRequest request, Answer answer) {
  Random& random = world_.random;
  const Fate fate = draw_fate();
  const bool slow = random.chance(world_.faults.commit_slow);
  const Duration there = slow ? random.between(milliseconds(10), milliseconds(4000))
                              : random.between(microseconds(100), microseconds(5000));
  const Duration back = random.between(microseconds(100), microseconds(5000));
  last_applied_ = std::max(last_applied_, world_.schedule.now() + there);
  TimePoint applied = last_applied_;
  // Those that are sent before it comes again overtake it.
  if (fate == Fate::kRetried) applied += random.between(milliseconds(10), milliseconds(3000));
  world_.schedule.at(applied, [this, fate, back, request = std::move(request),
                               generation = member_generation_, answer = std::move(answer)] {
    if (fate == Fate::kRequestLost) return;
    const bool ok = fate != Fate::kFails && apply(request, generation);
    if (fate == Fate::kAnswerLost) return;
    last_answered_ = std::max(last_answered_, world_.schedule.now() + back);
    world_.schedule.at(last_answered_, [ok, answer] { answer(ok); });
  });
}

bool Broker::apply(const CommitRequest& request, std::uint64_t generation) {
  if (generation != generation_) {
    world_.note("broker: commit {} refused", static_cast<std::size_t>(request.id));
    return false;
  }
  for (const CommitRequest::Part& part : request.parts) {
    world_.partitions[part.partition].commit(part.offset, part.incarnation);
    world_.note("broker: p{} committed {}", part.partition, part.offset);
  }
  return true;
}

}  // namespace moult::sim
