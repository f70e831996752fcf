// Feeds any bytes to the config loader: it must not crash, hang or throw, and what it accepts must
// describe itself as a config that it accepts again, with settings that are JSON.

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/check.h"
#include "runtime/config/load.h"

namespace {

constexpr std::string_view kSecret = "h-u-n-t-e-r-2";

moult::LoadContext make_context() {
  return {
      .environment = [](std::string_view name) -> std::optional<std::string> {
        if (name == "UNSET") return std::nullopt;
        return std::string(kSecret);
      },
      .check_kafka_property = nullptr,
  };
}

void check_accepted(const moult::Config& config, const moult::LoadContext& context) {
  bool has_settings = false;
  for (const moult::ConsumerConfig& consumer : config.consumers) {
    for (const moult::HandlerConfig& handler : consumer.handlers) {
      simdjson::dom::parser parser;
      MOULT_CHECK(parser.parse(handler.settings_json).error() == simdjson::SUCCESS,
                  "the settings are not JSON");
      has_settings = has_settings || handler.settings_json != "{}";
    }
  }
  const std::string described = moult::describe_config(config);
  if (has_settings) return;  // redacted, so no config any more
  const auto again = moult::parse_config(described, config.file, context);
  MOULT_CHECK(again.has_value(), "a described config does not load");
  MOULT_CHECK(moult::describe_config(*again) == described, "a described config changes");
}

void check_refused(const moult::ConfigProblems& problems) {
  MOULT_CHECK(!problems.empty(), "refused without a reason");
  for (const moult::ConfigProblem& problem : problems) {
    MOULT_CHECK(problem.to_string().find(kSecret) == std::string::npos, "a secret was shown");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string text(bytes, bytes + size);
  const moult::LoadContext context = make_context();
  const auto config = moult::parse_config(text, "/etc/moult.yaml", context);
  if (config) {
    check_accepted(*config, context);
  } else if (text.find(kSecret) == std::string::npos) {  // what the file says may be shown
    check_refused(config.error());
  }
  return 0;
}
