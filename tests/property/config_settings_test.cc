#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <simdjson.h>

#include <string>

#include "runtime/config/json.h"
#include "runtime/config/load.h"
#include "runtime/config/scalar_type.h"

namespace moult::config {
namespace {

/// Code points of every length, as UTF-8.
rc::Gen<std::string> utf8_text() {
  const std::vector<std::string> pieces = {"a", "$", "\"", "\\", "\n", "\t", "\x01", "\x7F", "é",
                                           "€", "𝄞", "/",  "{",  "}",  ":",  "#",    " "};
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(pieces)),
                      [](const std::vector<std::string>& chosen) {
                        std::string text;
                        for (const std::string& piece : chosen) text += piece;
                        return text;
                      });
}

RC_GTEST_PROP(ConfigJsonProperty, AStringIsReadBackTheSame, ()) {
  const std::string text = *utf8_text();
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  RC_ASSERT(parser.parse("[" + json_string(text) + "]").get(document) == simdjson::SUCCESS);
  RC_ASSERT(std::string_view(document.at(0)) == text);
}

RC_GTEST_PROP(ConfigJsonProperty, AnIntegerIsReadBackTheSame, (std::int64_t number)) {
  RC_ASSERT(json_literal(std::to_string(number)).value() == std::to_string(number));
}

RC_GTEST_PROP(ConfigJsonProperty, ALiteralIsJson, ()) {
  const auto text = *rc::gen::container<std::string>(
      rc::gen::elementOf(std::string("0123456789..eE+-+-xoinfatrue")));
  const auto literal = json_literal(text);
  if (!literal || literal->empty()) return;
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  RC_ASSERT(parser.parse("[" + *literal + "]").get(document) == simdjson::SUCCESS);
}

RC_GTEST_PROP(ConfigJsonProperty, SettingsCarryAnyTextFromTheEnvironment, ()) {
  const std::string text = *utf8_text();
  const LoadContext context{
      .environment = [&text](std::string_view) { return std::optional<std::string>(text); },
      .check_kafka_property = nullptr,
  };
  const auto config = parse_config(
      "kafka: {bootstrap.servers: b}\n"
      "consumers: [{group: g, handlers: [{name: a, plugin: a.so, topics: [a], "
      "settings: {s: \"${S}\"}}]}]\n",
      "/etc/moult.yaml", context);
  RC_ASSERT(config.has_value());
  RC_ASSERT(config->consumers.at(0).handlers.at(0).settings_json ==
            "{\"s\":" + json_string(text) + "}");
}

}  // namespace
}  // namespace moult::config
