#include "runtime/app/plugin_verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "runtime/config/json.h"
#include "runtime/observe/escape.h"
#include "runtime/plugin/rules.h"

namespace moult {
namespace {

using config::JsonWriter;

/// What a person or a program is told of one rule.
struct RuleLine {
  std::string_view phase;
  std::string_view rule;
  enum class Result { kOk, kRefused, kNotJudged } result;
};

bool is_about_sample(std::string_view rule) { return rule.starts_with("sample-"); }

/// All rules up to the one that refused were passed; those behind it were not asked.
std::vector<RuleLine> lines_of(const PluginVerdict& verdict) {
  const std::string_view refusing = refusing_rule(verdict.refusal);
  const bool has_sample = !verdict.report || verdict.report->sample_records > 0;
  auto result = RuleLine::Result::kOk;
  std::vector<RuleLine> lines;
  for (const RulePhase& phase : rule_phases()) {
    if (phase.name == "preflight" && !verdict.tried) result = RuleLine::Result::kNotJudged;
    for (const Rule& rule : phase.rules) {
      const bool refused = result == RuleLine::Result::kOk && rule.id == refusing;
      const bool skipped = !has_sample && is_about_sample(rule.id);
      lines.push_back({phase.name, rule.id,
                       refused   ? RuleLine::Result::kRefused
                       : skipped ? RuleLine::Result::kNotJudged
                                 : result});
      if (refused) result = RuleLine::Result::kNotJudged;
    }
  }
  return lines;
}

std::string_view name_of(RuleLine::Result result) {
  switch (result) {
    case RuleLine::Result::kOk:
      return "ok";
    case RuleLine::Result::kRefused:
      return "refused";
    case RuleLine::Result::kNotJudged:
      return "not judged";
  }
  return "not judged";
}

/// The message behind `refused by rule ID: `.
std::string_view reason_of(const PluginVerdict& verdict) {
  const std::string_view all = verdict.refusal;
  const std::string mark = fmt::format("{}: ", refusing_rule(all));
  const std::size_t at = all.find(mark, verdict.file.native().size());
  return at == all.npos ? all : all.substr(at + mark.size());
}

std::string shown(std::string_view text) {
  std::string safe;
  append_escaped(safe, text, Quotes::kKeep, std::numeric_limits<std::size_t>::max());
  return safe;
}

void add_text(JsonWriter& json, std::string_view key, std::string_view text) {
  std::string valid;
  append_valid_utf8(valid, text, std::numeric_limits<std::size_t>::max());
  json.key(key);
  json.text(valid);
}

void add_number(JsonWriter& json, std::string_view key, std::int64_t number) {
  json.key(key);
  json.literal(std::to_string(number));
}

void add_plugin(JsonWriter& json, const PluginVerdict& verdict) {
  if (!verdict.handler.empty()) add_text(json, "handler", verdict.handler);
  add_text(json, "file", verdict.file.native());
  json.key("ok");
  json.literal(verdict.ok() ? "true" : "false");
  if (!verdict.ok()) {
    add_text(json, "rule", refusing_rule(verdict.refusal));
    add_text(json, "message", verdict.refusal);
  }
  if (!verdict.facts) return;
  add_text(json, "plugin", verdict.facts->name);
  add_text(json, "version", verdict.facts->version);
  add_text(json, "build_id", verdict.facts->build_id);
  add_text(json, "abi", fmt::format("{}.{}", verdict.facts->abi_major, verdict.facts->abi_minor));
}

void add_rules(JsonWriter& json, const PluginVerdict& verdict) {
  json.key("rules");
  json.open_array();
  for (const RuleLine& line : lines_of(verdict)) {
    json.open_object();
    add_text(json, "phase", line.phase);
    add_text(json, "rule", line.rule);
    add_text(json, "result", name_of(line.result));
    if (line.result == RuleLine::Result::kRefused) add_text(json, "reason", reason_of(verdict));
    json.close_object();
  }
  json.close_array();
}

void add_report(JsonWriter& json, const PreflightReport& report) {
  add_number(json, "sample_records", report.sample_records);
  add_number(json, "preflight_ms", to_ms(report.took));
  json.key("notes");
  json.open_array();
  for (const std::string& note : report.notes) json.text(note);
  json.close_array();
}

/// Stages and verifies; the verdict has what came of it. Nothing when it was refused.
std::optional<PreparedPlugin> prepare(const PreflightSpec& spec, const PluginTrust& trust,
                                      const std::filesystem::path& staging,
                                      PluginVerdict& verdict) {
  verdict.file = spec.plugin;
  auto prepared = prepare_plugin(spec.plugin, staging, trust);
  if (!prepared) {
    verdict.refusal = prepared.error().message;
    return std::nullopt;
  }
  verdict.facts = prepared->facts;
  return std::move(*prepared);
}

template <typename Add>
std::string as_json(const std::vector<PluginVerdict>& verdicts, Add&& add_more) {
  JsonWriter json;
  json.open_object();
  json.key("plugins");
  json.open_array();
  for (const PluginVerdict& verdict : verdicts) {
    json.open_object();
    add_plugin(json, verdict);
    add_more(json, verdict);
    json.close_object();
  }
  json.close_array();
  json.key("ok");
  json.literal(all_ok(verdicts) ? "true" : "false");
  json.close_object();
  return json.take() + "\n";
}

std::string facts_as_text(const PluginFacts& facts) {
  return fmt::format("{} {}, build id {}, ABI {}.{}", shown(facts.name), shown(facts.version),
                     facts.build_id, facts.abi_major, facts.abi_minor);
}

}  // namespace

bool all_ok(const std::vector<PluginVerdict>& verdicts) {
  return std::ranges::all_of(verdicts, &PluginVerdict::ok);
}

PluginTrust trust_of(const PluginTrustConfig& config) {
  return {config.owner, config.manifest_required};
}

PreflightSpec preflight_spec_of(const HandlerConfig& handler) {
  PreflightSpec spec;
  spec.handler = handler.name;
  spec.plugin = handler.plugin;
  spec.settings_json = handler.settings_json;
  // Not one of its topics: what an instance keeps for a lane may be in use by the running daemon.
  return spec;
}

PluginVerdict verify_plugin(const PreflightSpec& spec, const PluginTrust& trust,
                            const std::filesystem::path& staging) {
  PluginVerdict verdict;
  verdict.tried = false;
  prepare(spec, trust, staging, verdict);
  return verdict;
}

PluginVerdict try_plugin(const PreflightSpec& spec, const PluginTrust& trust,
                         const std::filesystem::path& staging, const PreflightOptions& options) {
  PluginVerdict verdict;
  const auto prepared = prepare(spec, trust, staging, verdict);
  if (!prepared) return verdict;
  auto report = preflight(prepared->copy, spec, options);
  if (report) {
    verdict.report = std::move(*report);
  } else {
    verdict.refusal = report.error().message;
  }
  return verdict;
}

std::string verdict_as_text(const PluginVerdict& verdict) {
  std::string out = shown(verdict.file.native());
  out += verdict.ok() ? ": ok" : fmt::format(": refused by {}", refusing_rule(verdict.refusal));
  if (verdict.facts) out += fmt::format(" ({})", facts_as_text(*verdict.facts));
  out += '\n';
  for (const RuleLine& line : lines_of(verdict)) {
    out += fmt::format("  {:<9}  {:<23}  {}", line.phase, line.rule, name_of(line.result));
    if (line.result == RuleLine::Result::kRefused) {
      out += fmt::format(": {}", shown(reason_of(verdict)));
    }
    out += '\n';
  }
  if (!verdict.report) return out;
  if (verdict.report->sample_records == 0) {
    out += "  note: no batch was run; FILE.sample beside it would be one, a record a line\n";
  }
  for (const std::string& note : verdict.report->notes) {
    out += fmt::format("  note: {}\n", shown(note));
  }
  return out;
}

std::string verdicts_as_json(const std::vector<PluginVerdict>& verdicts) {
  return as_json(verdicts, [](JsonWriter& json, const PluginVerdict& verdict) {
    add_rules(json, verdict);
    if (verdict.report) add_report(json, *verdict.report);
  });
}

std::string list_as_text(const std::vector<PluginVerdict>& verdicts) {
  std::string out;
  for (const PluginVerdict& verdict : verdicts) {
    out += fmt::format("{}: {}: ", verdict.handler, shown(verdict.file.native()));
    out += verdict.facts ? facts_as_text(*verdict.facts) + ", verified\n"
                         : fmt::format("refused by rule {}: {}\n", refusing_rule(verdict.refusal),
                                       shown(reason_of(verdict)));
  }
  return out;
}

std::string list_as_json(const std::vector<PluginVerdict>& verdicts) {
  return as_json(verdicts, [](JsonWriter&, const PluginVerdict&) {});
}

}  // namespace moult
