// Random expressions, printed in every way that the grammar allows, against a model of their own.

#include "runtime/route/where.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace moult::route {
namespace {

/// Values of one class are equal to each other and to no others; containers are equal to nothing.
struct PooledValue {
  const char* json;
  int equality_class;
};
constexpr int kContainer = -1;
constexpr std::array<PooledValue, 15> kPool = {{{"1", 0},
                                                {"1.0", 0},
                                                {"10e-1", 0},
                                                {"-1", 1},
                                                {"100000000000000000000", 2},
                                                {"1e20", 2},
                                                {R"("1")", 3},
                                                {R"("\u0031")", 3},
                                                {R"("and \" ( or")", 4},
                                                {"true", 5},
                                                {"false", 6},
                                                {"null", 7},
                                                {R"("null")", 8},
                                                {R"({"c":1})", kContainer},
                                                {"[1]", kContainer}}};
constexpr std::size_t kLiterals = kPool.size() - 2;  // containers come last and are none

/// Where the values of a document stand, and how the pointer may be written.
constexpr std::array<std::array<const char*, 2>, 6> kPointers = {{{"/a", R"("/a")"},
                                                                  {"/b", R"("/\u0062")"},
                                                                  {"/o/c", R"("/o/c")"},
                                                                  {"/l/0", R"("/l/0")"},
                                                                  {"/not", R"("/not")"},
                                                                  {"/x~1y", R"("/x~1y")"}}};
using Document = std::array<std::optional<std::size_t>, kPointers.size()>;  // indexes of kPool

/// Random decisions; zero, the simplest, once they are used up.
class Choices {
 public:
  explicit Choices(std::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)) {}

  std::size_t below(std::size_t bound) {
    return next_ < bytes_.size() ? bytes_[next_++] % bound : 0;
  }
  std::string space() { return std::array<std::string, 3>{" ", "  ", "\n\t"}[below(3)]; }
  std::string maybe_space() { return below(2) == 0 ? "" : space(); }

 private:
  std::vector<std::uint8_t> bytes_;
  std::size_t next_ = 0;
};

std::string text_of(const Document& document, Choices& choices) {
  const auto member = [&](const std::string& name, const std::string& value) {
    return '"' + name + "\":" + choices.maybe_space() + value + ",";
  };
  const auto value_at = [&](std::size_t index) {
    return std::string(kPool[*document[index]].json);
  };
  std::string text = "{";
  if (document[0]) text += member("a", value_at(0));
  if (document[1]) text += member("b", value_at(1));
  if (document[2]) text += member("o", R"({"x":0,"c":)" + value_at(2) + "}");
  if (document[3]) text += member("l", "[" + value_at(3) + choices.maybe_space() + ",0]");
  if (document[4]) text += member("not", value_at(4));
  if (document[5]) text += member("x/y", value_at(5));
  return text + R"("z":{"a":1}})";
}

struct Tree {
  enum class Kind { kExists, kEqual, kDiffers, kIn, kNot, kAnd, kOr };
  Kind kind = Kind::kExists;
  std::size_t pointer = 0;
  std::vector<std::size_t> literals;
  std::vector<Tree> parts;
};

Tree make_tree(Choices& choices, int depth) {
  Tree tree;
  tree.kind = static_cast<Tree::Kind>(choices.below(depth == 0 ? 4 : 7));
  tree.pointer = choices.below(kPointers.size());
  const std::size_t literals = tree.kind == Tree::Kind::kIn ? 1 + choices.below(3) : 1;
  for (std::size_t i = 0; i < literals; ++i) tree.literals.push_back(choices.below(kLiterals));
  const std::size_t parts = tree.kind < Tree::Kind::kNot    ? 0
                            : tree.kind == Tree::Kind::kNot ? 1
                                                            : 2 + choices.below(2);
  for (std::size_t i = 0; i < parts; ++i) tree.parts.push_back(make_tree(choices, depth - 1));
  return tree;
}

bool equals(std::optional<std::size_t> value, std::size_t literal) {
  return value && kPool[*value].equality_class == kPool[literal].equality_class;
}

bool expected(const Tree& tree, const Document& document) {
  const auto value = document[tree.pointer];
  bool result = tree.kind == Tree::Kind::kAnd;
  switch (tree.kind) {
    case Tree::Kind::kExists:
      return value.has_value();
    case Tree::Kind::kEqual:
      return equals(value, tree.literals[0]);
    case Tree::Kind::kDiffers:
      return !equals(value, tree.literals[0]);
    case Tree::Kind::kIn:
      for (const std::size_t literal : tree.literals) result = result || equals(value, literal);
      return result;
    case Tree::Kind::kNot:
      return !expected(tree.parts[0], document);
    case Tree::Kind::kAnd:
      for (const Tree& part : tree.parts) result = result && expected(part, document);
      return result;
    case Tree::Kind::kOr:
      for (const Tree& part : tree.parts) result = result || expected(part, document);
      return result;
  }
  return false;
}

int binding(Tree::Kind kind) {
  if (kind == Tree::Kind::kOr) return 0;
  if (kind == Tree::Kind::kAnd) return 1;
  return 2;
}

std::string printed(const Tree& tree, Choices& choices);

/// In parentheses where they are needed, and sometimes where they are not.
std::string printed_part(const Tree& part, int outer_binding, Choices& choices) {
  std::string text = printed(part, choices);
  if (binding(part.kind) > outer_binding && choices.below(3) != 1) return text;
  return "(" + choices.maybe_space() + text + choices.maybe_space() + ")";
}

std::string printed_list(const Tree& tree, Choices& choices) {
  std::string text;
  for (const std::size_t literal : tree.literals) {
    if (!text.empty()) text += choices.maybe_space() + ",";
    text += choices.maybe_space() + kPool[literal].json;
  }
  return "[" + text + "]";
}

std::string printed_joined(const Tree& tree, const std::string& word, Choices& choices) {
  std::string text;
  for (const Tree& part : tree.parts) {
    if (!text.empty()) text += choices.space() + word + choices.space();
    text += printed_part(part, binding(tree.kind), choices);
  }
  return text;
}

std::string printed(const Tree& tree, Choices& choices) {
  const std::string pointer = kPointers[tree.pointer][choices.below(2)];
  const std::string literal = kPool[tree.literals[0]].json;
  switch (tree.kind) {
    case Tree::Kind::kExists:
      return pointer + choices.space() + "exists";
    case Tree::Kind::kEqual:
      return pointer + choices.maybe_space() + "==" + choices.maybe_space() + literal;
    case Tree::Kind::kDiffers:
      return pointer + choices.maybe_space() + "!=" + choices.maybe_space() + literal;
    case Tree::Kind::kIn:
      return pointer + choices.space() + "in" + choices.maybe_space() + printed_list(tree, choices);
    case Tree::Kind::kNot:
      return "not" + choices.space() + printed_part(tree.parts[0], 1, choices);
    case Tree::Kind::kAnd:
      return printed_joined(tree, "and", choices);
    case Tree::Kind::kOr:
      return printed_joined(tree, "or", choices);
  }
  return {};
}

RC_GTEST_PROP(RouteWhereProperty, AnExpressionMeansWhatItsTreeMeans,
              (const std::vector<std::uint8_t>& tree_choices,
               const std::vector<std::uint8_t>& print_choices)) {
  Choices for_tree(tree_choices);
  Choices for_print(print_choices);
  const Tree tree = make_tree(for_tree, 3);
  const std::string expression = printed(tree, for_print);
  const auto where = Where::parse(expression);
  RC_ASSERT(where.has_value());
  Scratch scratch;
  for (int round = 0; round < 10; ++round) {
    Document document;
    for (auto& value : document) {
      const auto index = *rc::gen::inRange<std::size_t>(0, kPool.size() + 3);
      if (index < kPool.size()) value = index;
    }
    const std::string json = text_of(document, for_print);
    RC_LOG() << expression << "\n" << json << "\n";
    const Match found = where->matches({.bytes = json, .padded = false}, scratch);
    RC_ASSERT(found == (expected(tree, document) ? Match::kYes : Match::kNo));
  }
}

}  // namespace
}  // namespace moult::route
