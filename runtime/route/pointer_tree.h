#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace moult::route {

/// The pointers that are wanted from a document, as a tree, so that one walk finds them all. Each
/// has a slot: the index of its value in the result.
class PointerTree {
 public:
  struct Child;
  struct Node {
    std::vector<Child> children;
    std::optional<std::size_t> slot;

    const Node* member(std::string_view name) const;
    const Node* element(std::size_t index) const;
  };

  /// The slot of the pointer; equal ones share it.
  std::size_t add(const std::vector<std::string>& names);

  std::size_t slots() const { return slots_; }
  const Node& root() const { return root_; }

 private:
  Node root_;
  std::size_t slots_ = 0;
};

struct PointerTree::Child {
  std::string name;
  std::optional<std::size_t> index;  // when the name is one of an array's elements too
  Node node;
};

}  // namespace moult::route
