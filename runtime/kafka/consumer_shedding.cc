// What a consumer lets go of that was fetched too early, on the poller thread.

#include "runtime/kafka/consumer.h"
#include "runtime/kafka/fetch_budget.h"
#include "runtime/kafka/version.h"

namespace moult::kafka {
namespace {

// A batch that runs for so long is slow.
constexpr Duration kSlowBatch = std::chrono::seconds(1);

}  // namespace

/// What is fetched ahead of a lane that stands still keeps what came with it in memory; how much
/// that may be the memory budget does not know of.
void Consumer::shed_stale_fetches() {
  if (loaded_version_number() < kPauseIsSafe) return;
  const std::uint64_t most = stale_limit(options_.memory_budget);
  const std::uint64_t pulled = pulled_;
  if (pulled - pulled_when_shed_ < most / 4) return;
  pulled_when_shed_ = pulled;
  for (const auto& [partition, id] : dispatcher_.assignment()) {
    const auto gate = gates_.find(partition);
    if (gate == gates_.end() || !gate->second->stale(most)) continue;
    if (stands_still(dispatcher_.lane(id))) gate->second->shed();
  }
}

/// What it has to pull it will not pull soon. One that waits for a worker is no such lane: shed, it
/// would find nothing at its turn, and have to wait for another one.
bool Consumer::stands_still(const Lane& lane) const {
  switch (lane.state) {
    case LaneState::kIdle:  // paused, or its slots are full
      return lane.ready;
    case LaneState::kRunning:
      return executor_.activity(lane.id).running_for > kSlowBatch;
    case LaneState::kBlocked:
    case LaneState::kCreating:
    case LaneState::kBackoff:
    case LaneState::kStopped:
      return true;
    default:
      return false;
  }
}

}  // namespace moult::kafka
