#include <fmt/format.h>

#include <array>

#include "runtime/config/fields.h"
#include "runtime/config/msk.h"
#include "runtime/config/sections.h"
#include "runtime/config/text.h"
#include "runtime/config/topics.h"

namespace moult::config {
namespace {

constexpr std::array<std::string_view, 3> kConsumerKeys = {"group", "kafka", "handlers"};

void read_group(Reading& reading, const MaybeValue& value, std::string& group) {
  std::string text;
  if (!read_text(reading, value, text)) return;
  auto wrong = text.empty() ? group_problem(text) : group_problem(reading.topic_prefix + text);
  if (reading.is_tenant_prefix && text.starts_with(reading.topic_prefix)) wrong = kHasPrefix;
  group = reading.topic_prefix + text;
  if (!wrong) {
    const auto line = reading.groups.claim(group, value->place.line);
    if (!line) return;
    wrong = fmt::format("is used at line {} already", *line);
  }
  reading.problems.add(value->place,
                       fmt::format("group {} {}", in_quotes(value->node->text), *wrong));
}

/// What a consumer says counts, also where the global section says it by another name.
KafkaProperties merged(const Reading& reading, KafkaProperties global, KafkaProperties own) {
  for (const auto& [name, property] : own) {
    if (!reading.context.other_kafka_names) break;
    for (const std::string& other : reading.context.other_kafka_names(name)) global.erase(other);
  }
  own.merge(global);
  return own;
}

/// Without one of these librdkafka would wait for ever, in silence.
constexpr std::array<const char*, 3> kBrokerProperties = {
    "bootstrap.servers", "metadata.broker.list", "test.mock.num.brokers"};

void require_brokers(Reading& reading, const MapReader& map, const KafkaProperties& properties) {
  for (const char* const name : kBrokerProperties) {
    if (properties.contains(name)) return;
  }
  reading.problems.add(map.place(),
                       fmt::format("consumer has no '{}'; set it under 'kafka', for all consumers "
                                   "at the top level or for this one",
                                   kBrokerProperties[0]));
}

void require_choices(Reading& reading, const MapReader& map, const KafkaProperties& properties) {
  for (const auto& [name, why] : reading.context.required_kafka_properties) {
    if (properties.contains(name)) continue;
    reading.problems.add(
        map.place(),
        fmt::format("consumer has no '{}' under 'kafka', and it has no default: {}", name, why));
  }
}

void refuse_loops(Reading& reading) {
  for (const DeadLetterTopic& dead_letter : reading.dead_letters_of_group) {
    for (const auto& [topic, line] : reading.topics_of_group.lines()) {
      if (!is_read_by(topic, dead_letter.name)) continue;
      reading.problems.add(
          dead_letter.place,
          fmt::format("dead-letter topic {} is read by this group too, see line {}; its records "
                      "would come round for ever",
                      in_quotes(dead_letter.text), line));
      break;
    }
  }
}

ConsumerConfig read_consumer(Reading& reading, const Value& value, const KafkaProperties& global,
                             std::optional<Preset>& preset) {
  ConsumerConfig consumer;
  consumer.place = reading.problems.source(value.place);
  const MapReader map(reading, value, "consumer", kConsumerKeys);
  read_group(reading, map.require("group"), consumer.group);
  const KafkaProperties own = read_kafka(reading, map.find("kafka"));
  consumer.kafka = merged(reading, global, own);
  if (preset) {
    check_against_preset(reading, *preset, own);
    add_preset(*preset, consumer.kafka);
    consumer.aws_iam = aws_iam_of(reading, *preset, consumer.kafka);
  }
  if (map.is_map()) {
    if (preset) require_msk_user(reading, *preset, map.place(), consumer.kafka);
    require_brokers(reading, map, consumer.kafka);
    require_choices(reading, map, consumer.kafka);
  }
  reading.topics_of_group = {};
  reading.dead_letters_of_group.clear();
  for (const Value& item : read_list(reading, map.require("handlers"))) {
    consumer.handlers.push_back(read_handler(reading, item));
  }
  refuse_loops(reading);
  return consumer;
}

}  // namespace

std::vector<ConsumerConfig> read_consumers(Reading& reading, const MaybeValue& value,
                                           const KafkaProperties& global,
                                           std::optional<Preset>& preset) {
  std::vector<ConsumerConfig> consumers;
  for (const Value& item : read_list(reading, value)) {
    consumers.push_back(read_consumer(reading, item, global, preset));
  }
  return consumers;
}

}  // namespace moult::config
