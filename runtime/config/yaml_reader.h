#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "runtime/config/problems.h"
#include "runtime/config/yaml_node.h"

namespace moult::config {

inline constexpr std::size_t kMaxFileBytes = 1024ULL * 1024;
inline constexpr std::size_t kMaxDepth = 32;       // of nested lists and maps
inline constexpr std::size_t kMaxNodes = 100'000;  // bounds what a megabyte of commas costs

/// Reads the one YAML document of `text`. Anchors, aliases and tags are problems: a place in the
/// file then says all that there is to say about a value, and no small file is a big one. The node
/// comes back only if nothing is wrong.
std::optional<YamlNode> read_yaml(const std::string& text, ProblemList& problems);

}  // namespace moult::config
