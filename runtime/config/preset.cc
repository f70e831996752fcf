#include "runtime/config/preset.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/base/lower_case.h"
#include "runtime/config/fields.h"
#include "runtime/config/msk.h"
#include "runtime/config/text.h"

namespace moult::config {
namespace {

constexpr std::array<std::string_view, 3> kPresetNames = {"heroku", "msk", "msk-iam"};
constexpr std::array<std::string_view, 2> kAwsKeys = {"region", "profile"};

/// Properties that say the same in another way. Librdkafka refuses most of them beside each other.
constexpr std::array<std::array<std::string_view, 5>, 4> kSameThings = {{
    {"bootstrap.servers", "metadata.broker.list", "test.mock.num.brokers"},
    {"ssl.ca.pem", "ssl.ca.location"},
    // A certificate and its key belong together.
    {"ssl.certificate.pem", "ssl.key.pem", "ssl.certificate.location", "ssl.key.location",
     "ssl.keystore.location"},
    {"sasl.mechanisms", "sasl.mechanism"},
}};

using Setting = std::pair<std::string_view, std::string_view>;

/// What makes the preset what it is.
std::array<Setting, 2> essence_of(PresetKind kind) {
  switch (kind) {
    case PresetKind::kHeroku:
      return {{{"security.protocol", "ssl"}, {}}};
    case PresetKind::kMsk:
      return {{{"security.protocol", "sasl_ssl"}, {"sasl.mechanisms", "SCRAM-SHA-512"}}};
    case PresetKind::kMskIam:
      return {{{"security.protocol", "sasl_ssl"}, {"sasl.mechanisms", "OAUTHBEARER"}}};
  }
  MOULT_CHECK(false, "unknown preset");
}

void check_essence(Reading& reading, const Preset& preset, const KafkaProperties& section) {
  for (const auto& [name, wanted] : essence_of(preset.kind)) {
    if (name.empty()) continue;
    for (const auto& [own_name, property] : section) {
      const bool same_thing =
          own_name == name || (name == "sasl.mechanisms" && own_name == "sasl.mechanism");
      const bool is_wrong_already = property.value.empty();
      if (!same_thing || is_wrong_already || lower_case(property.value) == lower_case(wanted)) {
        continue;
      }
      reading.problems.add({property.place.line, property.place.column},
                           fmt::format("{} contradicts preset {}, which is {}; remove one of them",
                                       in_quotes(own_name), name_of(preset.kind), wanted));
    }
  }
}

}  // namespace

std::string_view name_of(PresetKind kind) { return kPresetNames[static_cast<std::size_t>(kind)]; }

void add_preset_problem(Reading& reading, const Preset& preset, std::string_view what) {
  reading.problems.add(preset.place, fmt::format("preset {}: {}", name_of(preset.kind), what));
}

bool is_set_in_some_form(const KafkaProperties& properties, std::string_view name) {
  const auto is_set = [&](std::string_view form) { return properties.contains(std::string(form)); };
  if (is_set(name)) return true;
  return std::any_of(kSameThings.begin(), kSameThings.end(), [&](const auto& forms) {
    return std::find(forms.begin(), forms.end(), name) != forms.end() &&
           std::any_of(forms.begin(), forms.end(), is_set);
  });
}

std::optional<Preset> read_preset(Reading& reading, const MaybeValue& preset, const MaybeValue& aws,
                                  const KafkaProperties& global) {
  std::optional<Preset> result;
  if (const auto kind = read_choice(reading, preset, kPresetNames)) {
    result = Preset{static_cast<PresetKind>(*kind), preset->place, {}, {}, {}, false};
    const SourcePlace place = reading.problems.source(preset->place);
    for (const auto& [name, value] : essence_of(result->kind)) {
      if (!name.empty()) result->properties[std::string(name)] = {std::string(value), place};
    }
    if (result->kind == PresetKind::kHeroku) read_heroku(reading, *result, global);
  }
  const bool is_iam = result && result->kind == PresetKind::kMskIam;
  if (aws && !is_iam) {
    reading.problems.add(aws->place, "'aws' is a part of 'preset: msk-iam'; remove it");
  } else if (aws) {
    const MapReader map(reading, *aws, "aws", kAwsKeys);
    read_region(reading, map.find("region"), result->aws.region);
    read_text(reading, map.find("profile"), result->aws.profile);
  }
  return result;
}

void check_against_preset(Reading& reading, const Preset& preset, const KafkaProperties& section) {
  check_essence(reading, preset, section);
  if (preset.kind != PresetKind::kHeroku) check_msk(reading, preset, section);
}

void add_preset(const Preset& preset, KafkaProperties& properties) {
  const KafkaProperties own = properties;
  for (const auto& [name, property] : preset.properties) {
    if (!is_set_in_some_form(own, name)) properties.emplace(name, property);
  }
}

}  // namespace moult::config
