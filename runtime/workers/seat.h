#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "runtime/base/in_hand.h"
#include "runtime/base/result.h"
#include "runtime/workers/running_generation.h"

namespace moult {

/// A lane's place in one generation: its instance there, and what that may ask of the lane. A
/// standby is a seat whose lane still sits in another one; what it asks meanwhile is refused.
class Seat final : public LaneHost {
 public:
  Seat(GenerationUse run, const LaneIdentity& identity)
      : run_(std::move(run)), identity_(identity) {}

  // Constant.
  RunningGeneration& run() const { return *run_; }
  const LaneSettings& settings() const { return run_->settings(); }
  Generation& generation() const { return run_->generation(); }

  // A worker of the generation, one call at a time; destroy() may come beside create().
  Status create();
  Instance* instance() const { return instance_.get(); }
  void destroy();

  /// From now on `lane` answers.
  void serve(LaneHost& lane) {
    const std::lock_guard lock(serving_);
    lane_ = &lane;
  }
  /// Returns when nobody is in a call to the lane any more.
  void serve_nobody() {
    const std::lock_guard lock(serving_);
    lane_ = nullptr;
  }

  /// For the report of a crash inside of the plugin.
  InHand in_hand_for(const char* call) const;

  bool cancelled() const noexcept override {
    const std::shared_lock lock(serving_);
    return lane_ != nullptr && lane_->cancelled();
  }
  std::int32_t produce(const moult_message& message) noexcept override {
    const std::shared_lock lock(serving_);
    return lane_ == nullptr ? MOULT_PRODUCE_NOT_NOW : lane_->produce(message);
  }

 private:
  const GenerationUse run_;
  const LaneIdentity identity_;  // its own: it may outlive the lane

  mutable std::shared_mutex serving_;  // held by calls to the lane, and to change who it is
  LaneHost* lane_ = nullptr;

  std::mutex making_;  // held while the instance is made or destroyed
  bool dropped_ = false;
  std::unique_ptr<Instance> instance_;
};

/// Destroys its instance where it was made, behind what waits there; nobody waits for that.
void destroy_later(LaneId lane, std::shared_ptr<Seat> seat);

}  // namespace moult
