#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moult {

/// The request comes over stdin, the report goes over stdout; behind them and stderr.
inline constexpr int kFirstFreeDescriptor = 3;

/// What the throw-away process is told. Not in its arguments: settings may be secret.
struct PreflightRequest {
  std::string plugin;  // as configured
  std::string copy;    // what to load
  std::string handler;
  std::string settings_json;
  std::string topic;
  std::vector<std::string> sample;
};

std::string encode(const PreflightRequest& request);
std::optional<PreflightRequest> decode(std::string_view bytes);

/// One line of what it tells: a word, a blank, the rest.
///   step NAME     it begins with that step
///   threads LIST  these were running before the unload
///   note TEXT     for PreflightReport::notes
///   refused TEXT  a message of refuse(); the last line
///   done          nothing to refuse; the last line
struct PreflightLine {
  std::string_view word;
  std::string_view rest;
};
std::string encode_line(std::string_view word, std::string_view rest);
PreflightLine decode_line(std::string_view line);

}  // namespace moult
