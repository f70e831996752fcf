#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace moult::aws {

/// Signatures and what expires at AWS go by the wall clock, in whole seconds.
using UtcTime = std::chrono::sys_seconds;

UtcTime utc_now();

/// As in a signature: 20150830T123600Z.
std::string compact_utc(UtcTime time);
/// As in documents, with or without a fraction: 2015-08-30T12:36:00Z. Nothing for another form.
std::optional<UtcTime> parse_utc(std::string_view text);

}  // namespace moult::aws
