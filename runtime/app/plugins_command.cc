#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "runtime/app/commands.h"
#include "runtime/app/exit_code.h"
#include "runtime/app/load_command_config.h"
#include "runtime/app/plugin_verdict.h"
#include "runtime/app/staging.h"

namespace moult {
namespace {

Result<std::filesystem::path> staging_folder(const std::filesystem::path& configured) {
  auto staging = prepare_staging(configured);
  if (!staging) fmt::print(stderr, "{}\n", staging.error().message);
  return staging;
}

}  // namespace

int plugins_verify_command(const PluginsVerifyOptions& options) {
  const auto staging = staging_folder({});
  if (!staging) return kExitFailed;
  PluginTrust trust;
  if (options.owner) trust.owner = *options.owner;
  trust.manifest_required = options.manifest_required;
  PreflightOptions bounds;
  bounds.bound = options.bound;
  std::vector<PluginVerdict> verdicts;
  for (const std::filesystem::path& file : options.files) {
    PreflightSpec spec;
    spec.plugin = file;
    spec.settings_json = options.settings;
    verdicts.push_back(try_plugin(spec, trust, *staging, bounds));
    // One after the other: a person sees where it is.
    if (!options.json) fmt::print("{}", verdict_as_text(verdicts.back()));
    std::fflush(stdout);
  }
  if (options.json) fmt::print("{}", verdicts_as_json(verdicts));
  return all_ok(verdicts) ? kExitOk : kExitFailed;
}

int plugins_list_command(const std::filesystem::path& file, bool json) {
  const auto config = load_command_config(file);
  if (!config) return kExitConfig;
  const auto staging = staging_folder(config->staging_path);
  if (!staging) return kExitFailed;
  std::vector<PluginVerdict> verdicts;
  for (const ConsumerConfig& consumer : config->consumers) {
    for (const HandlerConfig& handler : consumer.handlers) {
      verdicts.push_back(
          verify_plugin(preflight_spec_of(handler), trust_of(handler.plugin_trust), *staging));
      verdicts.back().handler = handler.name;
    }
  }
  fmt::print("{}", json ? list_as_json(verdicts) : list_as_text(verdicts));
  return all_ok(verdicts) ? kExitOk : kExitFailed;
}

int preflight_command() {
  if (::isatty(STDIN_FILENO) == 0) serve_preflight();
  fmt::print(stderr, "moult runs this by itself; see 'moult plugins verify'\n");
  return kExitUsage;
}

}  // namespace moult
