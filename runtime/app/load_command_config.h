#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/config/config.h"
#include "runtime/observe/log_sink.h"

namespace moult {

/// Of this process.
std::optional<std::string> environment_variable(std::string_view name);

/// Loads a config with this process's environment and the linked librdkafka. Prints every problem
/// to stderr; nothing when there was one.
std::optional<Config> load_command_config(const std::filesystem::path& file);

/// The same for a running daemon: the problems are the error.
Result<Config> reload_command_config(const std::filesystem::path& file);

/// Says on stderr why `moult <command>` failed, and gives its exit code.
int fail(std::string_view command, const Error& error);

/// The log that a config asks for; nothing, with a word on stderr, when it can't be made.
std::unique_ptr<AsyncLogSink> make_log(const LogConfig& config);

}  // namespace moult
