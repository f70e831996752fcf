#include "runtime/kafka/property_names.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace moult::kafka {
namespace {

/// Librdkafka's own manual. A dump of a new configuration would lack what has no default:
/// bootstrap.servers, sasl.password and many others.
std::string manual() {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* const stream = open_memstream(&text, &size);
  if (stream == nullptr) return {};
  rd_kafka_conf_properties_show(stream);
  std::fclose(stream);
  std::string copy(text, size);
  std::free(text);  // NOLINT: open_memstream's is malloc's
  return copy;
}

/// The property that a line of the manual is about; empty when it is about none. Those for "see
/// dedicated API" are callbacks, which no text can set.
std::string_view property_of(std::string_view line) {
  const std::size_t size = line.find(' ');
  if (size == std::string_view::npos || line.find(" | ") == std::string_view::npos) return {};
  const bool heading = line.starts_with("Property ") || line.starts_with("---");
  if (heading || line.find("*Type: see dedicated API*") != std::string_view::npos) return {};
  return line.substr(0, size);
}

/// The second column: C, P, or * for both.
bool is_for_consumers(std::string_view line) {
  const std::size_t bar = line.find('|');
  return line.substr(bar + 1, line.find('|', bar + 1) - bar - 1).find('C') !=
         std::string_view::npos;
}

/// What the line's property is an alias for; empty when it is none.
std::string_view aliased_by(std::string_view line) {
  constexpr std::string_view kMark = "Alias for `";
  const std::size_t at = line.find(kMark);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = line.substr(at + kMark.size());
  return rest.substr(0, rest.find('`'));
}

/// Calls `use` with each property and its line of the manual.
template <typename Use>
void for_each_property(Use&& use) {
  const std::string text = manual();
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    const std::string_view name = property_of(line);
    if (!name.empty()) use(name, line);
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
}

}  // namespace

std::vector<std::string> property_names() {
  std::vector<std::string> names;
  for_each_property([&](std::string_view name, std::string_view) { names.emplace_back(name); });
  return names;
}

std::vector<std::string> consumer_only_property_names() {
  std::vector<std::string> names;
  for_each_property([&](std::string_view name, std::string_view line) {
    if (is_for_consumers(line)) names.emplace_back(name);
  });
  return names;
}

PropertyAliases property_aliases() {
  PropertyAliases aliases;
  for_each_property([&](std::string_view name, std::string_view line) {
    const std::string_view meant = aliased_by(line);
    if (!meant.empty()) aliases.emplace(name, meant);
  });
  return aliases;
}

std::vector<std::string> other_names(const PropertyAliases& aliases, std::string_view name) {
  const auto own = aliases.find(name);
  const std::string_view meant = own == aliases.end() ? name : own->second;
  std::vector<std::string> others;
  if (meant != name) others.emplace_back(meant);
  for (const auto& [alias, its] : aliases) {
    if (its == meant && alias != name) others.push_back(alias);
  }
  return others;
}

}  // namespace moult::kafka
