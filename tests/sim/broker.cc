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
  world_.schedule.at(last_applied_, [this, fate, back, request = std::move(request),
                                     generation = member_generation_, answer = std::move(answer)] {
    if (fate == Fate::kRequestLost) return;
    const bool ok = fate != Fate::kFails && apply(request, generation);
    if (fate == Fate::kAnswerLost) return;
    world_.schedule.after(back, [ok, answer] { answer(ok); });
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
