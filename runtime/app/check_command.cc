#include <fmt/format.h>

#include "runtime/app/commands.h"
#include "runtime/app/exit_code.h"
#include "runtime/app/load_command_config.h"
#include "runtime/app/membership.h"
#include "runtime/app/staging.h"
#include "runtime/config/load.h"

namespace moult {
namespace {

/// Loads each handler's plugin and lets it go again.
bool check_plugins(const Config& config, Logger log) {
  const auto staging = prepare_staging(config.staging_path);
  if (!staging) {
    fmt::print(stderr, "{}\n", staging.error().message);
    return false;
  }
  bool good = true;
  for (const ConsumerConfig& consumer : config.consumers) {
    for (const HandlerConfig& handler : consumer.handlers) {
      const auto generation = load_handler(handler, *staging, log);
      if (!generation) {
        fmt::print(stderr, "{}:{}:{}: handler '{}': {}\n", handler.place.file, handler.place.line,
                   handler.place.column, handler.name, generation.error().message);
        good = false;
        continue;
      }
      fmt::print("handler {}: plugin {} {}, build id {}\n", handler.name,
                 (*generation)->plugin_name(), (*generation)->plugin_version(),
                 (*generation)->build_id());
    }
  }
  return good;
}

}  // namespace

int check_command(const std::filesystem::path& file, bool print) {
  const auto config = load_command_config(file);
  if (!config) return kExitConfig;
  if (print) fmt::print("{}", describe_config(*config));
  const auto log = make_log(config->log);
  if (!log) return kExitFailed;
  if (!check_plugins(*config, Logger(*log, Component::kPlugin))) return kExitConfig;
  fmt::print("{}: ok\n", file.string());
  return kExitOk;
}

}  // namespace moult
