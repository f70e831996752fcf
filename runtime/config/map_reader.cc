#include "runtime/config/map_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "runtime/base/nearest.h"
#include "runtime/config/text.h"

namespace moult::config {
namespace {

Value value_at(const YamlNode& map, std::size_t index) {
  const YamlNode& node = map.items[index];
  const bool empty = node.kind == YamlNode::Kind::kNull;
  return {map.keys[index].text, &node, empty ? map.keys[index].place : node.place};
}

}  // namespace

bool expect_kind(Reading& reading, const Value& value, YamlNode::Kind kind,
                 std::string_view expected) {
  if (value.node->kind == kind) return true;
  reading.problems.add(value.place, fmt::format("{} must be {}, not {}", in_quotes(value.key),
                                                expected, name_of(value.node->kind)));
  return false;
}

void check_duplicate_keys(const YamlNode& map, std::string_view section, ProblemList& problems) {
  std::map<std::string_view, int> lines;
  for (const YamlKey& key : map.keys) {
    const auto [first, is_new] = lines.emplace(key.text, key.place.line);
    if (is_new) continue;
    problems.add(key.place, fmt::format("duplicate key {} in {}; the first is at line {}",
                                        in_quotes(key.text), section, first->second));
  }
}

MapReader::MapReader(Reading& reading, const Value& value, std::string_view section,
                     std::span<const std::string_view> keys)
    : reading_(reading), section_(section), place_(value.place) {
  if (!expect_kind(reading, value, YamlNode::Kind::kMap, "a map")) return;
  map_ = value.node;
  check_keys(keys);
}

void MapReader::check_keys(std::span<const std::string_view> keys) const {
  check_duplicate_keys(*map_, section_, reading_.problems);
  for (const YamlKey& key : map_->keys) {
    if (std::find(keys.begin(), keys.end(), key.text) != keys.end()) continue;
    reading_.problems.add(key.place, fmt::format("unknown key {} in {}{}", in_quotes(key.text),
                                                 section_, suggestion(key.text, keys)));
  }
}

MaybeValue MapReader::find(std::string_view key) const {
  if (map_ == nullptr) return std::nullopt;
  for (std::size_t index = 0; index < map_->keys.size(); ++index) {
    if (map_->keys[index].text == key) return value_at(*map_, index);
  }
  return std::nullopt;
}

MaybeValue MapReader::require(std::string_view key) const {
  auto value = find(key);
  if (map_ != nullptr && !value) {
    reading_.problems.add(place_, fmt::format("{} lacks the required key '{}'", section_, key));
  }
  return value;
}

std::vector<Value> read_list(Reading& reading, const MaybeValue& value) {
  std::vector<Value> items;
  if (!value || !expect_kind(reading, *value, YamlNode::Kind::kList, "a list")) return items;
  for (const YamlNode& node : value->node->items) items.push_back({value->key, &node, node.place});
  if (items.empty()) {
    reading.problems.add(value->place, fmt::format("'{}' must not be empty", value->key));
  }
  return items;
}

}  // namespace moult::config
