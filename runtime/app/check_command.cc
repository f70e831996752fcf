#include <fmt/format.h>

#include "runtime/app/commands.h"
#include "runtime/app/exit_code.h"
#include "runtime/app/load_command_config.h"
#include "runtime/app/plugin_verdict.h"
#include "runtime/app/staging.h"
#include "runtime/config/load.h"

namespace moult {
namespace {

/// Verifies each handler's plugin and tries it, with the handler's settings, in a process of its
/// own.
bool check_plugins(const Config& config) {
  const auto staging = prepare_staging(config.staging_path);
  if (!staging) {
    fmt::print(stderr, "{}\n", staging.error().message);
    return false;
  }
  bool good = true;
  for (const ConsumerConfig& consumer : config.consumers) {
    for (const HandlerConfig& handler : consumer.handlers) {
      const PluginVerdict verdict =
          try_plugin(preflight_spec_of(handler), trust_of(handler.plugin_trust), *staging, {});
      if (!verdict.ok()) {
        fmt::print(stderr, "{}:{}:{}: handler '{}': {}\n", handler.place.file, handler.place.line,
                   handler.place.column, handler.name, verdict.refusal);
        good = false;
        continue;
      }
      fmt::print("handler {}: plugin {} {}, build id {}\n", handler.name, verdict.facts->name,
                 verdict.facts->version, verdict.facts->build_id);
    }
  }
  return good;
}

}  // namespace

int check_command(const std::filesystem::path& file, bool print) {
  const auto config = load_command_config(file);
  if (!config) return kExitConfig;
  if (print) fmt::print("{}", describe_config(*config));
  if (!check_plugins(*config)) return kExitConfig;
  fmt::print("{}: ok\n", file.string());
  return kExitOk;
}

}  // namespace moult
