#include "runtime/workers/seat.h"

#include <utility>

namespace moult {

Status Seat::create() {
  const std::lock_guard lock(making_);
  if (dropped_) return failure("its lane ended");
  const InHandScope scope(in_hand_for("create"));
  auto made = generation().create(identity_, *this);
  if (!made) return Unexpected(made.error());
  instance_ = std::move(*made);
  return Ok{};
}

void Seat::destroy() {
  const std::lock_guard lock(making_);
  dropped_ = true;
  const InHandScope scope(in_hand_for("destroy"));
  instance_.reset();
}

void destroy_later(LaneId lane, std::shared_ptr<Seat> seat) {
  WorkerPool& workers = seat->run().workers();
  workers.post(lane, [old = std::move(seat)](WorkerScratch&) { old->destroy(); });
}

InHand Seat::in_hand_for(const char* call) const {
  InHand what;
  what.handler = settings().handler.c_str();
  what.call = call;
  what.build_id = generation().build_id().c_str();
  what.topic = identity_.topic.c_str();
  what.partition = identity_.partition;
  return what;
}

}  // namespace moult
