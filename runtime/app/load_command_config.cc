#include "runtime/app/load_command_config.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "runtime/app/exit_code.h"
#include "runtime/config/load.h"
#include "runtime/kafka/client_config.h"
#include "runtime/kafka/property_names.h"

namespace moult {
namespace {

LogSinkOptions::Format format_of(LogFormat format) {
  switch (format) {
    case LogFormat::kAuto:
      return LogSinkOptions::Format::kAuto;
    case LogFormat::kText:
      return LogSinkOptions::Format::kText;
    case LogFormat::kJson:
      return LogSinkOptions::Format::kJson;
  }
  return LogSinkOptions::Format::kAuto;
}

Result<Config, ConfigProblems> load(const std::filesystem::path& file) {
  return load_config(file,
                     {environment_variable, kafka::check_property, kafka::required_properties(),
                      [aliases = kafka::property_aliases()](std::string_view name) {
                        return kafka::other_names(aliases, name);
                      }});
}

}  // namespace

std::optional<std::string> environment_variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Result<Config> reload_command_config(const std::filesystem::path& file) {
  auto loaded = load(file);
  if (loaded) return std::move(*loaded);
  std::string problems;
  for (const ConfigProblem& problem : loaded.error()) {
    problems += (problems.empty() ? "" : "\n") + problem.to_string();
  }
  return failure(std::move(problems));
}

std::optional<Config> load_command_config(const std::filesystem::path& file) {
  auto loaded = load(file);
  if (loaded) return std::move(*loaded);
  for (const ConfigProblem& problem : loaded.error()) {
    fmt::print(stderr, "{}\n", problem.to_string());
  }
  return std::nullopt;
}

std::unique_ptr<AsyncLogSink> make_log(const LogConfig& config) {
  LogSinkOptions options;
  options.format = format_of(config.format);
  options.level = config.level;
  options.levels = config.levels;
  auto made = make_log_sink(options);
  if (made) return std::move(*made);
  fmt::print(stderr, "moult: no log: {}\n", made.error().message);
  return nullptr;
}

int fail(std::string_view command, const Error& error) {
  fmt::print(stderr, "moult {}: {}\n", command, error.message);
  return kExitFailed;
}

}  // namespace moult
