#include "runtime/config/load.h"

#include <fmt/format.h>

#include <array>
#include <exception>
#include <system_error>
#include <utility>

#include "runtime/config/fields.h"
#include "runtime/config/regular_file.h"
#include "runtime/config/sections.h"
#include "runtime/config/text.h"
#include "runtime/config/topics.h"
#include "runtime/config/yaml_reader.h"

namespace moult {
namespace {

using config::MapReader;
using config::MaybeValue;
using config::ProblemList;
using config::Range;
using config::Reading;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr std::array<std::string_view, 16> kKeys = {"preset",          "aws",
                                                    "kafka",           "plugins_path",
                                                    "plugins_owner",   "plugins_manifest",
                                                    "topic_prefix",    "staging_path",
                                                    "commit_interval", "drain_deadline",
                                                    "revoke_deadline", "soak",
                                                    "memory_budget",   "log",
                                                    "admin",           "consumers"};

constexpr Range<milliseconds> kCommitIntervalRange{10ms, 10min};
constexpr Range<milliseconds> kDrainDeadlineRange{0ms, 1h};
constexpr Range<milliseconds> kRevokeDeadlineRange{0ms, 10min};
constexpr Range<milliseconds> kSoakRange{0ms, 24h};
constexpr Range<std::uint64_t> kMemoryBudgetRange{1ULL << 24, 1ULL << 40};

void read_topic_prefix(Reading& reading, const MaybeValue& value,
                       const std::optional<config::Preset>& preset) {
  const bool is_heroku = preset && preset->kind == config::PresetKind::kHeroku;
  if (!value && is_heroku) reading.topic_prefix = preset->prefix.value_or("");
  const bool is_read = read_text(reading, value, reading.topic_prefix);
  reading.is_tenant_prefix = is_heroku && !reading.topic_prefix.empty();
  if (!is_read) return;
  const auto wrong = config::prefix_problem(reading.topic_prefix);
  if (!wrong) return;
  reading.problems.add(value->place, fmt::format("topic_prefix {} {}",
                                                 config::in_quotes(value->node->text), *wrong));
  // Each topic would only repeat it.
  reading.topic_prefix.clear();
  reading.is_tenant_prefix = false;
}

void read_top_level(Reading& reading, const config::YamlNode& root, Config& config) {
  const config::Value whole{"the file", &root, root.place};
  const MapReader map(reading, whole, "the top level", kKeys);
  reading.plugins_path = reading.folder;
  read_path(reading, map.find("plugins_path"), reading.folder, reading.plugins_path);
  reading.plugin_trust =
      read_plugin_trust(reading, map.find("plugins_owner"), map.find("plugins_manifest"));
  config.plugin_trust = reading.plugin_trust;
  read_path(reading, map.find("staging_path"), reading.folder, config.staging_path);
  const KafkaProperties global = read_kafka(reading, map.find("kafka"));
  auto preset = config::read_preset(reading, map.find("preset"), map.find("aws"), global);
  if (preset) check_against_preset(reading, *preset, global);
  read_topic_prefix(reading, map.find("topic_prefix"), preset);
  config.topic_prefix = reading.topic_prefix;
  read_duration(reading, map.find("commit_interval"), kCommitIntervalRange, config.commit_interval);
  read_duration(reading, map.find("drain_deadline"), kDrainDeadlineRange, config.drain_deadline);
  read_duration(reading, map.find("revoke_deadline"), kRevokeDeadlineRange, config.revoke_deadline);
  read_duration(reading, map.find("soak"), kSoakRange, config.soak);
  read_size(reading, map.find("memory_budget"), kMemoryBudgetRange, config.memory_budget);
  config.log = read_log(reading, map.find("log"));
  config.admin = read_admin(reading, map.find("admin"));
  config.consumers = read_consumers(reading, map.require("consumers"), global, preset);
}

Result<Config, ConfigProblems> parse(const std::string& text, const std::filesystem::path& file,
                                     const LoadContext& context) {
  ProblemList problems(file.string());
  Config config;
  std::error_code no_folder;
  config.file = std::filesystem::absolute(file, no_folder);
  if (no_folder) problems.add({}, no_folder.message());
  if (const auto root = config::read_yaml(text, problems)) {
    Reading reading{.problems = problems,
                    .interpolator = config::Interpolator(context.environment),
                    .context = context,
                    .folder = config.file.parent_path()};
    read_top_level(reading, *root, config);
  }
  if (!problems.empty()) return Unexpected<ConfigProblems>{problems.take()};
  return config;
}

Result<AdminConfig, ConfigProblems> parse_admin(const std::string& text,
                                                const std::filesystem::path& file,
                                                const LoadContext& context) {
  ProblemList problems(file.string());
  AdminConfig admin;
  if (const auto root = config::read_yaml(text, problems)) {
    Reading reading{.problems = problems,
                    .interpolator = config::Interpolator(context.environment),
                    .context = context,
                    .folder = std::filesystem::absolute(file).parent_path()};
    for (std::size_t index = 0; index < root->keys.size(); ++index) {
      if (root->keys[index].text != "admin") continue;
      const config::YamlNode& node = root->items[index];
      admin = read_admin(reading, config::Value{"admin", &node, node.place});
    }
  }
  if (!problems.empty()) return Unexpected<ConfigProblems>{problems.take()};
  return admin;
}

Unexpected<ConfigProblems> whole_file_problem(const std::filesystem::path& file,
                                              std::string message) {
  return Unexpected<ConfigProblems>{
      ConfigProblems{{.place = {.file = file.string()}, .message = std::move(message)}}};
}

}  // namespace

Result<Config, ConfigProblems> parse_config(const std::string& text,
                                            const std::filesystem::path& file,
                                            const LoadContext& context) {
  // The libraries' own errors are handled where they arise; what is left is memory running out.
  try {
    return parse(text, file, context);
  } catch (const std::exception& error) {
    return whole_file_problem(file, error.what());
  }
}

Result<AdminConfig, ConfigProblems> load_admin_section(const std::filesystem::path& file,
                                                       const LoadContext& context) {
  try {
    const auto text = config::read_regular_file(file, config::kMaxFileBytes);
    if (!text) return whole_file_problem(file, text.error().message);
    return parse_admin(*text, file, context);
  } catch (const std::exception& error) {
    return whole_file_problem(file, error.what());
  }
}

Result<Config, ConfigProblems> load_config(const std::filesystem::path& file,
                                           const LoadContext& context) {
  try {
    const auto text = config::read_regular_file(file, config::kMaxFileBytes);
    if (!text) return whole_file_problem(file, text.error().message);
    return parse(*text, file, context);
  } catch (const std::exception& error) {
    return whole_file_problem(file, error.what());
  }
}

}  // namespace moult
