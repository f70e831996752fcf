#include <fmt/format.h>

#include "runtime/config/fields.h"
#include "runtime/config/sections.h"
#include "runtime/config/text.h"

namespace moult::config {
namespace {

void check_property(Reading& reading, const Value& property, const std::string& text) {
  if (!reading.context.check_kafka_property) return;
  auto wrong = reading.context.check_kafka_property(property.key, text);
  if (!wrong) return;
  // The checker promises not to repeat a secret; a broken promise must not reach a log.
  const bool leaks =
      is_secret_property(property.key) && !text.empty() && wrong->find(text) != std::string::npos;
  if (leaks) wrong = fmt::format("{} does not have this value", in_quotes(property.key));
  reading.problems.add(property.place, *wrong);
}

std::optional<std::string> read_property(Reading& reading, const Value& property) {
  if (!expect_kind(reading, property, YamlNode::Kind::kScalar, "one value")) return std::nullopt;
  auto text = resolve_scalar(reading, property);
  if (!text) return std::nullopt;
  // librdkafka takes C strings and would cut the value off in silence.
  if (text->find('\0') != std::string::npos) {
    reading.problems.add(property.place,
                         fmt::format("{} holds a NUL character", in_quotes(property.key)));
    return std::nullopt;
  }
  // Librdkafka would write it to its log as it is.
  if (lists_brokers(property.key) && text->find('@') != std::string::npos) {
    reading.problems.add(property.place,
                         fmt::format("{} holds a user or password: an entry is HOST:PORT; they "
                                     "belong into sasl.username and sasl.password",
                                     in_quotes(property.key)));
    return std::nullopt;
  }
  check_property(reading, property, *text);
  return text;
}

}  // namespace

KafkaProperties read_kafka(Reading& reading, const MaybeValue& value) {
  KafkaProperties properties;
  if (!value || !expect_kind(reading, *value, YamlNode::Kind::kMap, "a map")) return properties;
  const YamlNode& map = *value->node;
  check_duplicate_keys(map, "kafka", reading.problems);
  for (std::size_t index = 0; index < map.keys.size(); ++index) {
    const Value property{map.keys[index].text, &map.items[index], map.keys[index].place};
    // A wrong one stays in as empty: it is not missing as well.
    properties[map.keys[index].text] = {read_property(reading, property).value_or(""),
                                        reading.problems.source(property.place)};
  }
  return properties;
}

}  // namespace moult::config
