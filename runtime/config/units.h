#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace moult::config {

/// A whole number and a unit: `50ms`, `1s`, `5m`, `2h`. The error says what is wrong with the text
/// without repeating it.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// A whole number and a unit: `100B`, `64kB`, `1MB`, `512KiB`, `1MiB`, `1GiB`.
Result<std::uint64_t> parse_size(std::string_view text);

/// The shortest form that parses to the same value.
std::string format_duration(std::chrono::milliseconds duration);
std::string format_size(std::uint64_t bytes);

}  // namespace moult::config
