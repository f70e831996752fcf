#include <fmt/format.h>

#include <array>
#include <charconv>

#include "runtime/base/parts.h"
#include "runtime/config/preset.h"
#include "runtime/config/text.h"
#include "runtime/config/topics.h"

namespace moult::config {
namespace {

constexpr std::size_t kMaxVariableBytes = 256UL * 1024;
constexpr unsigned kMaxPort = 65'535;
constexpr std::string_view kUrl = "KAFKA_URL";
constexpr const char* kCure =
    "Heroku's Kafka add-on sets it (heroku config:get {} shows it); elsewhere export it";

/// One variable with PEM text, and the property it becomes.
struct PemVariable {
  const char* variable;
  const char* property;
  std::string_view kind;  // what its text is headed with
};
constexpr std::array kPemVariables = {
    PemVariable{"KAFKA_CLIENT_CERT", "ssl.certificate.pem", "CERTIFICATE"},
    PemVariable{"KAFKA_CLIENT_CERT_KEY", "ssl.key.pem", "PRIVATE KEY"},
    PemVariable{"KAFKA_TRUSTED_CERT", "ssl.ca.pem", "CERTIFICATE"},
};

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port <= kMaxPort;
}

/// `kafka+ssl://host:port` as `host:port`.
Result<std::string> broker_in(std::string_view url) {
  for (const std::string_view scheme : {"kafka+ssl://", "kafka://"}) {
    if (!url.starts_with(scheme)) continue;
    url.remove_prefix(scheme.size());
    break;
  }
  if (url.find("://") != std::string_view::npos) {
    return failure("has a URL that begins neither with kafka+ssl:// nor with kafka://");
  }
  const std::size_t colon = url.rfind(':');
  const bool is_good = colon != std::string_view::npos && colon > 0 &&
                       url.find_first_of("/@ ") == std::string_view::npos &&
                       is_port(url.substr(colon + 1));
  if (is_good) return std::string(url);
  return failure("has a URL that is not kafka+ssl://HOST:PORT");
}

/// The brokers of a list of URLs, as librdkafka wants them.
Result<std::string> brokers_in(std::string_view urls) {
  std::string brokers;
  for (const std::string_view url : parts_of(urls, ',')) {
    auto broker = broker_in(url);
    if (!broker) return broker;
    brokers += (brokers.empty() ? "" : ",") + *broker;
  }
  return brokers;
}

/// Says nothing of what the text is: it may be a key.
std::optional<std::string> pem_problem(std::string_view text, std::string_view kind) {
  const std::size_t begin = text.find("-----BEGIN ");
  const std::size_t head_end = text.find("-----", begin == text.npos ? 0 : begin + 11);
  if (begin == text.npos || head_end == text.npos ||
      !text.substr(begin, head_end - begin).ends_with(kind)) {
    return fmt::format("has no -----BEGIN …{}----- in it", kind);
  }
  if (text.find("-----END ", head_end) == text.npos)
    return "has no -----END …----- in it: it is cut off";
  if (text.find('\n', head_end) == text.npos) {
    return "is one line; PEM text needs its line ends (quote the variable where it is exported)";
  }
  return std::nullopt;
}

/// The variable's text, not empty; a problem and nothing otherwise.
std::optional<std::string> require_variable(Reading& reading, const Preset& preset,
                                            std::string_view name) {
  auto value = reading.context.environment ? reading.context.environment(name) : std::nullopt;
  if (!value || trimmed(*value).empty()) {
    add_preset_problem(
        reading, preset,
        fmt::format("environment variable '{}' is {}; {}", name, value ? "empty" : "not set",
                    fmt::format(fmt::runtime(kCure), name)));
    return std::nullopt;
  }
  if (value->size() > kMaxVariableBytes) {
    add_preset_problem(
        reading, preset,
        fmt::format("environment variable '{}' has more than {} bytes", name, kMaxVariableBytes));
    return std::nullopt;
  }
  return value;
}

void add_variable_problem(Reading& reading, const Preset& preset, std::string_view name,
                          std::string_view what) {
  add_preset_problem(reading, preset, fmt::format("environment variable '{}' {}", name, what));
}

std::string read_brokers(Reading& reading, const Preset& preset) {
  const auto urls = require_variable(reading, preset, kUrl);
  if (!urls) return "";
  const auto brokers = brokers_in(trimmed(*urls));
  if (brokers) return *brokers;
  add_variable_problem(reading, preset, kUrl, brokers.error().message);
  return "";
}

std::string read_pem(Reading& reading, const Preset& preset, const PemVariable& pem) {
  auto text = require_variable(reading, preset, pem.variable);
  if (!text) return "";
  const auto wrong = pem_problem(*text, pem.kind);
  if (!wrong) return std::move(*text);
  add_variable_problem(reading, preset, pem.variable, *wrong);
  return "";
}

/// Only the plans that many share have one.
std::optional<std::string> read_prefix(Reading& reading, const Preset& preset) {
  constexpr std::string_view kName = "KAFKA_PREFIX";
  auto prefix = reading.context.environment ? reading.context.environment(kName) : std::nullopt;
  if (!prefix) return std::nullopt;
  const auto wrong = prefix_problem(*prefix);
  if (!wrong) return prefix;
  add_variable_problem(reading, preset, kName, *wrong);
  return "";
}

}  // namespace

void read_heroku(Reading& reading, Preset& preset, const KafkaProperties& global) {
  const SourcePlace place = reading.problems.source(preset.place);
  // A wrong one stays in as empty: it is not missing as well.
  if (!is_set_in_some_form(global, "bootstrap.servers")) {
    preset.properties["bootstrap.servers"] = {read_brokers(reading, preset), place};
  }
  for (const PemVariable& pem : kPemVariables) {
    if (is_set_in_some_form(global, pem.property)) continue;
    preset.properties[pem.property] = {read_pem(reading, preset, pem), place};
  }
  // The certificates name no hosts; that they are of the add-on's own authority is still checked.
  preset.properties["ssl.endpoint.identification.algorithm"] = {"none", place};
  preset.properties["enable.ssl.certificate.verification"] = {"true", place};
  preset.prefix = read_prefix(reading, preset);
}

}  // namespace moult::config
