#include "runtime/dispatch/lane.h"

#include "runtime/base/check.h"

namespace moult {

std::string_view name_of(LaneState state) {
  switch (state) {
    case LaneState::kBlocked:
      return "blocked";
    case LaneState::kCreating:
      return "creating";
    case LaneState::kIdle:
      return "idle";
    case LaneState::kRunning:
      return "running";
    case LaneState::kLingering:
      return "lingering";
    case LaneState::kBackoff:
      return "backoff";
    case LaneState::kStopped:
      return "stopped";
    case LaneState::kSwapping:
      return "swapping";
    case LaneState::kEnding:
      return "ending";
    case LaneState::kEnded:
      return "ended";
  }
  MOULT_CHECK(false, "unknown lane state");
}

bool may_follow(LaneState from, LaneState to) {
  using enum LaneState;
  switch (from) {
    case kBlocked:
      return to == kCreating || to == kIdle || to == kEnded;
    case kCreating:
      return to == kIdle || to == kBackoff || to == kEnding;
    case kIdle:
      return to == kRunning || to == kSwapping || to == kEnding;
    case kRunning:
      return to == kIdle || to == kLingering || to == kBackoff || to == kStopped || to == kEnding;
    case kLingering:
      return to == kRunning || to == kSwapping || to == kEnding;
    case kBackoff:
      return to == kRunning || to == kCreating || to == kSwapping || to == kEnding;
    case kStopped:
      return to == kSwapping || to == kEnding;
    case kSwapping:
      return to == kIdle || to == kBackoff || to == kStopped || to == kEnding;
    case kEnding:
      return to == kEnded;
    case kEnded:
      return false;
  }
  return false;
}

}  // namespace moult
