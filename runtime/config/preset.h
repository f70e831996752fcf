#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/config/config.h"
#include "runtime/config/map_reader.h"

namespace moult::config {

/// `preset`: what one kind of hosted Kafka needs, said in a word.
enum class PresetKind { kHeroku, kMsk, kMskIam };

std::string_view name_of(PresetKind kind);

struct Preset {
  PresetKind kind = PresetKind::kHeroku;
  TextPlace place;
  KafkaProperties properties;         // for whatever the user does not set
  std::optional<std::string> prefix;  // for topics and groups, where the user sets none
  AwsIamConfig aws;                   // what `aws` says; with kMskIam
  bool region_missed = false;         // said once, not for each consumer
};

/// Reads `preset` and `aws`. `global` is the `kafka` section of the top level: a variable that it
/// makes needless is not asked for.
std::optional<Preset> read_preset(Reading& reading, const MaybeValue& preset, const MaybeValue& aws,
                                  const KafkaProperties& global);

/// Refuses, in one `kafka` section, what contradicts the preset.
void check_against_preset(Reading& reading, const Preset& preset, const KafkaProperties& section);

/// Adds what the preset has and `properties` (of one consumer, sections merged) have in no form.
void add_preset(const Preset& preset, KafkaProperties& properties);

/// The region and profile of one consumer with kMskIam; its brokers' names tell the region, too.
std::optional<AwsIamConfig> aws_iam_of(Reading& reading, Preset& preset,
                                       const KafkaProperties& properties);

/// What Heroku's add-on leaves in the environment, as properties of librdkafka.
void read_heroku(Reading& reading, Preset& preset, const KafkaProperties& global);

/// Whether `properties` have `name`, or another property that says the same in another way.
bool is_set_in_some_form(const KafkaProperties& properties, std::string_view name);

/// Adds a problem at the place of `preset`.
void add_preset_problem(Reading& reading, const Preset& preset, std::string_view what);

}  // namespace moult::config
