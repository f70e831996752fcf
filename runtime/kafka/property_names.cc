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

template <typename Wanted>
std::vector<std::string> names_of_lines(Wanted&& wanted) {
  std::vector<std::string> names;
  const std::string text = manual();
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    const std::string_view name = property_of(line);
    if (!name.empty() && wanted(line)) names.emplace_back(name);
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  return names;
}

}  // namespace

std::vector<std::string> property_names() {
  return names_of_lines([](std::string_view) { return true; });
}

std::vector<std::string> consumer_only_property_names() { return names_of_lines(is_for_consumers); }

}  // namespace moult::kafka
