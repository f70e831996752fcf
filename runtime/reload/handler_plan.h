#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/dispatch/handler_policy.h"
#include "runtime/plugin/load.h"
#include "runtime/plugin/preflight.h"
#include "runtime/reload/canary.h"
#include "runtime/workers/lane_settings.h"
#include "runtime/workers/running_generation.h"

namespace moult {

/// What a handler can't have otherwise while the daemon runs: values by the paths of their keys.
using FixedKeys = std::map<std::string, std::string>;

/// Of the keys that both have.
std::vector<std::string> changed_keys(const FixedKeys& running, const FixedKeys& wanted);

/// What the configuration wants a handler to be.
struct HandlerPlan {
  GenerationSpec spec;  // without its number
  PreflightSpec preflight;
  LaneSettings settings;
  HandlerPolicy policy;
  std::size_t workers = 1;
  std::vector<std::string> topics;  // not of a generation: of the group
  std::optional<CanaryPolicy> canary;
  Duration soak{std::chrono::minutes(5)};  // how long the generation before is kept for a rollback
  std::string fingerprint;                 // of what makes a generation, but the plugin's bytes
  FixedKeys fixed;
};

/// What one generation of a handler is, for people and for telling it from another.
struct GenerationFacts {
  GenerationNumber number{};
  std::string plugin;   // its name
  std::string version;  // the plugin's own
  std::string build_id;
  std::string content_hash;  // of its file
  std::string fingerprint;   // of its plan
};

struct LoadedHandler {
  GenerationFacts facts;
  std::unique_ptr<RunningGeneration> running;
};

/// Loads a plugin that was staged and verified, and starts its workers.
Result<LoadedHandler> load_handler(const HandlerPlan& plan, GenerationNumber number,
                                   PreparedPlugin plugin, Logger log);

}  // namespace moult
