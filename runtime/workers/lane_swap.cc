#include "runtime/workers/lane_swap.h"

#include <utility>

namespace moult {

void LaneSwap::start() {
  runner_.workers().post_first(lane_,
                               [swap = shared_from_this()](WorkerScratch&) { swap->hand_out(); });
}

/// The old generation's worker.
void LaneSwap::hand_out() {
  auto state = runner_.hand_out(*next_);
  if (!state) return refuse(state.error());
  if (!*state) return leave();
  next_->run().workers().post_first(lane_, [swap = shared_from_this(), handed = std::move(**state)](
                                               WorkerScratch&) { swap->take_over(handed); });
}

/// The new one's.
void LaneSwap::take_over(const HandedState& state) {
  const Status taken = [&] {
    const InHandScope scope(next_->in_hand_for("state_import"));
    return next_->instance()->import_state(state);
  }();
  if (!taken) return refuse(taken.error());
  runner_.workers().post_first(lane_,
                               [swap = shared_from_this()](WorkerScratch&) { swap->leave(); });
}

/// The old one's. From here on there is no way back.
void LaneSwap::leave() {
  destroy_later(lane_, runner_.leave());
  next_->run().workers().post_first(
      lane_, [swap = shared_from_this()](WorkerScratch&) { swap->arrive(); });
}

/// The new one's.
void LaneSwap::arrive() {
  runner_.take_seat(next_);
  answers_.post(LaneSwapped{lane_, true, {}});
}

void LaneSwap::refuse(const Error& error) {
  destroy_later(lane_, next_);
  answers_.post(LaneSwapped{lane_, false, error.message});
}

}  // namespace moult
