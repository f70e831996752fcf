#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "runtime/config/config.h"
#include "runtime/plugin/load.h"
#include "runtime/plugin/preflight.h"

namespace moult {

/// What is known of a plugin file once it was staged, verified and, where asked, tried.
struct PluginVerdict {
  std::filesystem::path file;
  std::string handler;  // empty: nobody's
  std::optional<PluginFacts> facts;
  std::optional<PreflightReport> report;
  bool tried = true;    // the preflight was asked for
  std::string refusal;  // the whole message; empty: not refused

  bool ok() const { return refusal.empty(); }
};

bool all_ok(const std::vector<PluginVerdict>& verdicts);

PluginTrust trust_of(const PluginTrustConfig& config);

/// What a handler's plugin is tried with.
PreflightSpec preflight_spec_of(const HandlerConfig& handler);

/// Stages and verifies `spec.plugin`; runs none of its code.
PluginVerdict verify_plugin(const PreflightSpec& spec, const PluginTrust& trust,
                            const std::filesystem::path& staging);
/// The same, and tries it in a throw-away process.
PluginVerdict try_plugin(const PreflightSpec& spec, const PluginTrust& trust,
                         const std::filesystem::path& staging, const PreflightOptions& options);

/// A line for the file, then one for each rule.
std::string verdict_as_text(const PluginVerdict& verdict);
std::string verdicts_as_json(const std::vector<PluginVerdict>& verdicts);

/// One line a handler.
std::string list_as_text(const std::vector<PluginVerdict>& verdicts);
std::string list_as_json(const std::vector<PluginVerdict>& verdicts);

}  // namespace moult
