#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/plugin/generation.h"

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
};

/// Copies the resolved real file into `staging` under a private, content-hashed, never reused name,
/// verifies the copy before any of its code runs, and loads it. Every refusal names the file and
/// the rule. May take as long as the plugin's constructors; call it from the control thread.
Result<std::shared_ptr<Generation>> load_generation(const GenerationSpec& spec,
                                                    const std::filesystem::path& staging,
                                                    Logger log);

}  // namespace moult
