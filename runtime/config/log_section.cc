#include <array>

#include "runtime/config/fields.h"
#include "runtime/config/sections.h"

namespace moult::config {
namespace {

constexpr std::array<std::string_view, 3> kKeys = {"format", "level", "levels"};
constexpr std::array<std::string_view, 3> kFormats = {"auto", "text", "json"};
constexpr std::array<LogFormat, 3> kFormatOf = {LogFormat::kAuto, LogFormat::kText,
                                                LogFormat::kJson};
constexpr std::array<Severity, 6> kSeverities = {Severity::kTrace, Severity::kDebug,
                                                 Severity::kInfo,  Severity::kWarning,
                                                 Severity::kError, Severity::kCritical};

std::optional<Severity> read_severity(Reading& reading, const MaybeValue& value) {
  std::array<std::string_view, kSeverities.size()> names;
  for (std::size_t index = 0; index < names.size(); ++index) {
    names[index] = name_of(kSeverities[index]);
  }
  const auto choice = read_choice(reading, value, names);
  if (!choice) return std::nullopt;
  return kSeverities[*choice];
}

std::map<Component, Severity> read_levels(Reading& reading, const MaybeValue& value) {
  std::map<Component, Severity> levels;
  if (!value) return levels;
  std::array<std::string_view, static_cast<std::size_t>(Component::kCount)> names;
  for (std::size_t index = 0; index < names.size(); ++index) {
    names[index] = name_of(static_cast<Component>(index));
  }
  const MapReader map(reading, *value, "log.levels", names);
  for (std::size_t index = 0; index < names.size(); ++index) {
    const auto level = read_severity(reading, map.find(names[index]));
    if (level) levels[static_cast<Component>(index)] = *level;
  }
  return levels;
}

}  // namespace

LogConfig read_log(Reading& reading, const MaybeValue& value) {
  LogConfig log;
  if (!value) return log;
  const MapReader map(reading, *value, "log", kKeys);
  const auto format = read_choice(reading, map.find("format"), kFormats);
  if (format) log.format = kFormatOf[*format];
  log.level = read_severity(reading, map.find("level")).value_or(log.level);
  log.levels = read_levels(reading, map.find("levels"));
  return log;
}

}  // namespace moult::config
