#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/time.h"
#include "runtime/plugin/stage.h"

namespace moult {

/// What the plugin is tried with.
struct PreflightSpec {
  std::string handler = "preflight";  // for logs
  std::filesystem::path plugin;       // as configured, for messages
  std::string settings_json = "{}";
  std::string topic = "preflight";
};

struct PreflightOptions {
  /// The daemon's own program, also when its file was replaced meanwhile. It is run with the one
  /// argument kPreflightCommand and must call serve_preflight().
  std::filesystem::path executable = "/proc/self/exe";
  Milliseconds bound{30'000};  // for everything
};

struct PreflightReport {
  std::uint32_t sample_records = 0;  // 0: the plugin has no sample
  std::vector<std::string> notes;    // what is worth knowing, but refuses nothing
  Duration took{0};
};

inline constexpr const char* kPreflightCommand = "preflight";

/// Loads the verified copy in a throw-away process: constructors, entry, create, self_test,
/// assigned, the sample (see StagedPlugin::sample; made-up records would do a production's work),
/// the hand-over of its state to a second instance where it keeps one, revoked, destroy, unload,
/// with the calls on a worker thread as in the daemon. Refuses what fails,
/// crashes, hangs, exits, or leaves something behind. Blocks for `bound` at most. Any thread; no
/// fork, so that locks of other threads don't matter.
Result<PreflightReport> preflight(const StagedPlugin& copy, const PreflightSpec& spec,
                                  const PreflightOptions& options = {});

/// The other side, in the throw-away process: the request on stdin, the report on stdout. Ends the
/// process. Nothing else may have been started in it.
[[noreturn]] void serve_preflight() noexcept;

}  // namespace moult
