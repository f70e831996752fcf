#include "runtime/route/pointer_tree.h"

#include <algorithm>
#include <charconv>

namespace moult::route {
namespace {

/// RFC 6901: digits without leading zeros. A number too large for any array is no index.
std::optional<std::size_t> element_index(const std::string& name) {
  if (name.size() > 1 && name.front() == '0') return std::nullopt;
  std::size_t index = 0;
  const char* const end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data(), end, index);
  if (error != std::errc() || rest != end) return std::nullopt;
  return index;
}

PointerTree::Node& child_of(PointerTree::Node& node, const std::string& name) {
  for (PointerTree::Child& child : node.children) {
    if (child.name == name) return child.node;
  }
  node.children.push_back({.name = name, .index = element_index(name), .node = {}});
  return node.children.back().node;
}

}  // namespace

const PointerTree::Node* PointerTree::Node::member(std::string_view name) const {
  for (const Child& child : children) {
    if (child.name == name) return &child.node;
  }
  return nullptr;
}

const PointerTree::Node* PointerTree::Node::element(std::size_t index) const {
  for (const Child& child : children) {
    if (child.index == index) return &child.node;
  }
  return nullptr;
}

std::size_t PointerTree::add(const std::vector<std::string>& names) {
  Node* node = &root_;
  for (const std::string& name : names) node = &child_of(*node, name);
  if (!node->slot) node->slot = slots_++;
  return *node->slot;
}

}  // namespace moult::route
