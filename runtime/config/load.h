#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/config/config.h"

namespace moult {

/// One thing wrong with a config file, with its place and its cure.
struct ConfigProblem {
  SourcePlace place;
  std::string message;

  std::string to_string() const;  // file:line:column: message
};

/// Everything wrong with it, in file order: a person mends a file once, not once a mistake.
using ConfigProblems = std::vector<ConfigProblem>;

/// What loading needs from outside; injected, so that this folder knows neither the environment
/// nor librdkafka.
struct LoadContext {
  /// The environment of `${VAR}`.
  std::function<std::optional<std::string>(std::string_view name)> environment;
  /// Says what is wrong with a librdkafka property, or nothing. The value is already interpolated
  /// and must not appear in the answer when the property is secret.
  std::function<std::optional<std::string>(std::string_view name, std::string_view value)>
      check_kafka_property;
  /// Librdkafka properties that every consumer must set, each with the reason why.
  std::map<std::string, std::string> required_kafka_properties{};
  /// Under which other names librdkafka has the same property.
  std::function<std::vector<std::string>(std::string_view name)> other_kafka_names{};
};

/// Reads, interpolates and validates one file. Never throws.
Result<Config, ConfigProblems> load_config(const std::filesystem::path& file,
                                           const LoadContext& context);

/// The same from text; `file` is used in messages and to resolve relative paths.
Result<Config, ConfigProblems> parse_config(const std::string& text,
                                            const std::filesystem::path& file,
                                            const LoadContext& context);

/// The `admin` section alone, for commands that ask a running daemon: what else is wrong with the
/// file, or missing in the environment of who asks, is no reason not to find the daemon.
Result<AdminConfig, ConfigProblems> load_admin_section(const std::filesystem::path& file,
                                                       const LoadContext& context);

/// The effective configuration as YAML, secrets replaced by "[redacted]".
std::string describe_config(const Config& config);

/// Whether a librdkafka property holds a secret (passwords, PEM text, keys, tokens).
bool is_secret_property(std::string_view name);

}  // namespace moult
