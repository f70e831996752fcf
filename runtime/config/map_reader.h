#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/reading.h"
#include "runtime/config/yaml_node.h"

namespace moult::config {

/// A value that stands in the file under a key (or in the list of that key).
struct Value {
  std::string_view key;
  const YamlNode* node;
  TextPlace place;  // the node's; an empty one's is its key's
};

/// Optional because the key may be missing.
using MaybeValue = std::optional<Value>;

/// Reports every key that stands in `map` more than once.
void check_duplicate_keys(const YamlNode& map, std::string_view section, ProblemList& problems);

/// One section: a map with known keys. Reports the unknown and the duplicate ones at once, the
/// missing ones as they are required.
class MapReader {
 public:
  /// `section` names the map in messages ("handler"); `keys` are all that it may hold.
  MapReader(Reading& reading, const Value& value, std::string_view section,
            std::span<const std::string_view> keys);

  MaybeValue find(std::string_view key) const;
  MaybeValue require(std::string_view key) const;
  TextPlace place() const { return place_; }
  bool is_map() const { return map_ != nullptr; }

 private:
  void check_keys(std::span<const std::string_view> keys) const;

  Reading& reading_;
  std::string_view section_;
  TextPlace place_;
  const YamlNode* map_ = nullptr;  // null when the value is no map: then there are no keys
};

/// The items of a list of at least one; a problem and nothing otherwise.
std::vector<Value> read_list(Reading& reading, const MaybeValue& value);

/// Whether `value` is of the kind; a problem otherwise. `expected` ends "'x' must be …".
bool expect_kind(Reading& reading, const Value& value, YamlNode::Kind kind,
                 std::string_view expected);

}  // namespace moult::config
