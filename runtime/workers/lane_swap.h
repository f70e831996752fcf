#pragma once

#include <memory>

#include "runtime/kafka/lane_executor.h"
#include "runtime/workers/lane_runner.h"
#include "runtime/workers/seat.h"

namespace moult {

/// A lane's way from its seat to its standby, while no turn of it runs: the old instance hands out
/// its state, the new one takes it or refuses, the old one lets go, the new one begins. Each step
/// runs on a worker of the generation whose code it calls, before what waits there.
class LaneSwap : public std::enable_shared_from_this<LaneSwap> {
 public:
  /// `runner` and `answers` outlive it: the lane owes the answer.
  LaneSwap(LaneId lane, LaneRunner& runner, std::shared_ptr<Seat> next, kafka::LaneAnswers& answers)
      : lane_(lane), runner_(runner), next_(std::move(next)), answers_(answers) {}

  void start();

 private:
  void hand_out();
  void take_over(const HandedState& state);
  void leave();
  void arrive();
  void refuse(const Error& error);

  const LaneId lane_;
  LaneRunner& runner_;
  const std::shared_ptr<Seat> next_;
  kafka::LaneAnswers& answers_;
};

}  // namespace moult
