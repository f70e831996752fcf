#include "runtime/config/fields.h"
#include "runtime/config/json.h"
#include "runtime/config/scalar_type.h"
#include "runtime/config/sections.h"

namespace moult::config {
namespace {

/// Walks the settings; as deep as kMaxDepth lets the tree be.
class SettingsWriter {
 public:
  explicit SettingsWriter(Reading& reading) : reading_(reading) {}

  void write(const Value& value) {
    switch (value.node->kind) {
      case YamlNode::Kind::kNull:
        return json_.literal("null");
      case YamlNode::Kind::kScalar:
        return write_scalar(value);
      case YamlNode::Kind::kList:
        return write_list(value);
      case YamlNode::Kind::kMap:
        return write_map(*value.node);
    }
  }

  std::string take() { return json_.take(); }

 private:
  void write_scalar(const Value& value) {
    const YamlNode& node = *value.node;
    if (node.plain && !may_interpolate(node.text)) {
      const auto literal = json_literal(node.text);
      if (!literal) reading_.problems.add(value.place, literal.error().message);
      if (literal && !literal->empty()) return json_.literal(*literal);
    }
    json_.text(resolve_scalar(reading_, value).value_or(""));
  }

  void write_list(const Value& value) {
    json_.open_array();
    for (const YamlNode& item : value.node->items) write({value.key, &item, item.place});
    json_.close_array();
  }

  void write_map(const YamlNode& map) {
    check_duplicate_keys(map, "settings", reading_.problems);
    json_.open_object();
    for (std::size_t index = 0; index < map.keys.size(); ++index) {
      json_.key(map.keys[index].text);
      const YamlNode& item = map.items[index];
      write({map.keys[index].text, &item, item.place});
    }
    json_.close_object();
  }

  Reading& reading_;
  JsonWriter json_;
};

}  // namespace

std::string read_settings(Reading& reading, const MaybeValue& value) {
  if (!value) return "{}";
  if (!expect_kind(reading, *value, YamlNode::Kind::kMap, "a map")) return "{}";
  SettingsWriter writer(reading);
  writer.write(*value);
  return writer.take();
}

}  // namespace moult::config
