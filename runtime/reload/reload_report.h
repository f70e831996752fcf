#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/time.h"
#include "runtime/dispatch/types.h"
#include "runtime/reload/handler_plan.h"

namespace moult {

/// What became of one handler.
struct HandlerReload {
  enum class Result : std::uint8_t {
    kUntouched,   // refused before anything moved, or for another handler's sake
    kAdded,       // it is new, and reads its topics from now on
    kRemoved,     // it reads nothing any more, and goes when its lanes are gone
    kUnchanged,   // the same bytes and settings: nothing to do
    kActive,      // every lane runs the new generation
    kLagging,     // the new one is active, but some lanes still run a batch on the old one
    kTakenBack,   // lanes had gone over, and came back to the old one
    kPartlyBack,  // … but not all of them yet
  };

  std::string group;
  std::string handler;
  Result result = Result::kUntouched;
  std::optional<GenerationFacts> from;  // unless it was not there
  std::optional<GenerationFacts> to;    // once it is loaded
  std::string refused;                  // why; empty: not refused
  std::vector<std::string> topics;      // that it reads from now on, when they changed
  std::size_t lanes = 0;
  std::size_t lanes_there = 0;
  std::vector<TopicPartition> lagging;  // some of those not there
  std::optional<CanaryResult> canary;
  Duration worst_pause{0};  // of one lane, in which it could take no batch
  Duration total_pause{0};
  Duration swap_took{0};  // from loaded to active everywhere, without its canary
};

/// What a reload or a rollback did. ok: the new generation is active everywhere.
struct ReloadReport {
  bool ok = false;
  std::string refused;  // the whole request, before any handler was looked at
  std::vector<HandlerReload> handlers;
  Duration took{0};
};

}  // namespace moult
