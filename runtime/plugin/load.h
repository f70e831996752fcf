#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/plugin/generation.h"
#include "runtime/plugin/plugin_file.h"
#include "runtime/plugin/source.h"
#include "runtime/plugin/stage.h"

namespace moult {

/// How generations left the process; for metrics. Any thread.
struct UnloadCounts {
  std::atomic<std::uint64_t> clean{0};
  std::atomic<std::uint64_t> pinned{0};  // still mapped after the unload
};

/// What makes a generation of a plugin file.
struct GenerationSpec {
  std::string handler;           // for logs
  std::filesystem::path plugin;  // as configured: may be a symlink, may be replaced at any time
  std::string settings_json;
  std::uint32_t number = 1;
  std::shared_ptr<UnloadCounts> unloads = {};  // may be empty
  PluginTrust trust = {};
};

/// A plugin that was staged and verified; none of its code ran yet.
struct PreparedPlugin {
  StagedPlugin copy;
  PluginFacts facts;
};

/// The first two steps of load_generation(): what a preflight comes between.
Result<PreparedPlugin> prepare_plugin(const std::filesystem::path& plugin,
                                      const std::filesystem::path& staging,
                                      const PluginTrust& trust);
/// The third one.
Result<std::shared_ptr<Generation>> load_prepared(const GenerationSpec& spec, PreparedPlugin plugin,
                                                  Logger log);

/// Copies the resolved real file into `staging` under a private, content-hashed, never reused name,
/// verifies the copy before any of its code runs, and loads it. Every refusal names the file and
/// the rule. May take as long as the plugin's constructors; call it from the control thread.
Result<std::shared_ptr<Generation>> load_generation(const GenerationSpec& spec,
                                                    const std::filesystem::path& staging,
                                                    Logger log);

}  // namespace moult
