#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/problems.h"

namespace moult::config {

struct YamlKey {
  std::string text;
  TextPlace place;
};

/// What a YAML file says, with places; no types are guessed and nothing is interpolated yet.
struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  TextPlace place;              // of a null: unreliable, use its key's
  std::string text;             // kScalar
  bool plain = true;            // kScalar: without quotes
  std::vector<YamlNode> items;  // kList, kMap
  std::vector<YamlKey> keys;    // kMap: keys[i] is items[i]'s; not checked for duplicates
};

/// "text", "a list" … for messages.
std::string_view name_of(YamlNode::Kind kind);

}  // namespace moult::config
