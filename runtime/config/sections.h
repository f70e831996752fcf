#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/config.h"
#include "runtime/config/map_reader.h"
#include "runtime/config/preset.h"

namespace moult::config {

/// Whether a librdkafka property is a list of brokers: it has two names.
inline bool lists_brokers(std::string_view property) {
  return property == "bootstrap.servers" || property == "metadata.broker.list";
}

/// One reader a section of the file. Each adds what is wrong to the problems and goes on, so that
/// everything is found in one go; what it returns is used only if there were none.

KafkaProperties read_kafka(Reading& reading, const MaybeValue& value);
PluginTrustConfig read_plugin_trust(Reading& reading, const MaybeValue& owner,
                                    const MaybeValue& manifest);
LogConfig read_log(Reading& reading, const MaybeValue& value);
AdminConfig read_admin(Reading& reading, const MaybeValue& value);
std::optional<CanaryConfig> read_canary(Reading& reading, const MaybeValue& value);
HandlerConfig read_handler(Reading& reading, const Value& value);
std::vector<ConsumerConfig> read_consumers(Reading& reading, const MaybeValue& value,
                                           const KafkaProperties& global,
                                           std::optional<Preset>& preset);

/// A handler's `settings` as one JSON object. Plain scalars have the types of YAML's core schema;
/// quoted and interpolated ones are text.
std::string read_settings(Reading& reading, const MaybeValue& value);

}  // namespace moult::config
