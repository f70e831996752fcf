#include "runtime/config/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/config/text.h"

namespace moult::config {

std::string_view name_of(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::kNull:
      return "empty";
    case YamlNode::Kind::kScalar:
      return "text";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
  }
  MOULT_CHECK(false, "unknown kind of YAML node");
}

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

TextPlace place_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

YamlNode node_at(const YAML::Mark& mark, YamlNode::Kind kind) {
  YamlNode node;
  node.kind = kind;
  node.place = place_of(mark);
  return node;
}

/// Leaves the parser in the middle of the file; caught in read_yaml.
struct LimitPassed {
  TextPlace place;
  std::string message;
};

/// Whether the quoted scalar at the front of `text` has its closing quote. The parser takes the end
/// of the file for one when a line ended before it: half a file would load.
bool is_closed(std::string_view text) {
  const char quote = text.front();
  for (std::size_t index = 1; index < text.size(); ++index) {
    const bool escapes = quote == '"' && text[index] == '\\';
    const bool doubles = quote == '\'' && text.substr(index, 2) == "''";
    if (escapes || doubles) {
      ++index;
    } else if (text[index] == quote) {
      return true;
    }
  }
  return false;
}

/// Builds the tree from the parser's events. yaml-cpp's own tree would hide duplicate keys, merge
/// aliases and drop the places of keys.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, ProblemList& problems) : text_(text), problems_(problems) {}

  YamlNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_extras(mark, "", anchor);
    add_leaf(node_at(mark, YamlNode::Kind::kNull));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    problems_.add(place_of(mark), "aliases are not supported; write the value out");
    add_leaf(node_at(mark, YamlNode::Kind::kNull));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_extras(mark, tag, anchor);
    if (tag != "?") refuse_unclosed(mark);
    YamlNode node = node_at(mark, YamlNode::Kind::kScalar);
    node.text = value;
    node.plain = tag == "?";
    add_leaf(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    refuse_extras(mark, tag, anchor);
    open(node_at(mark, YamlNode::Kind::kList));
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    refuse_extras(mark, tag, anchor);
    open(node_at(mark, YamlNode::Kind::kMap));
  }
  void OnMapEnd() override { close(); }

 private:
  void refuse_extras(const YAML::Mark& mark, std::string_view tag, YAML::anchor_t anchor) {
    if (anchor != 0) problems_.add(place_of(mark), "anchors are not supported");
    // "?" and "!" are the parser's own for plain and for quoted scalars.
    if (!tag.empty() && tag != "?" && tag != "!") {
      problems_.add(place_of(mark), "tags are not supported; quote a value to make it text");
    }
  }

  bool expects_key() const {
    return !open_.empty() && open_.back().kind == YamlNode::Kind::kMap &&
           open_.back().keys.size() == open_.back().items.size();
  }

  void add_leaf(YamlNode node) {
    if (++nodes_ > kMaxNodes) {
      throw LimitPassed{node.place, fmt::format("more than {} values", kMaxNodes)};
    }
    if (expects_key()) {
      add_key(node);
    } else if (open_.empty()) {
      root_ = std::move(node);
    } else {
      open_.back().items.push_back(std::move(node));
    }
  }

  void add_key(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::kScalar) {
      problems_.add(node.place, fmt::format("a key must be text, but is {}", name_of(node.kind)));
    }
    open_.back().keys.push_back({node.text, node.place});
  }

  void open(YamlNode node) {
    if (open_.size() == kMaxDepth) {
      throw LimitPassed{node.place,
                        fmt::format("lists and maps nested deeper than {} levels", kMaxDepth)};
    }
    open_.push_back(std::move(node));
  }

  void close() {
    YamlNode node = std::move(open_.back());
    open_.pop_back();
    add_leaf(std::move(node));
  }

  void refuse_unclosed(const YAML::Mark& mark) {
    const std::string_view rest =
        text_.substr(std::min(text_.size(), static_cast<std::size_t>(std::max(0, mark.pos))));
    const bool is_quoted = rest.starts_with('"') || rest.starts_with('\'');
    if (is_quoted && !is_closed(rest)) {
      problems_.add(place_of(mark), "not YAML: the quoted text that begins here has no end");
    }
  }

  const std::string_view text_;
  ProblemList& problems_;
  std::vector<YamlNode> open_;  // the lists and maps around the present place, outermost first
  YamlNode root_;
  std::size_t nodes_ = 0;
};

/// What the parser would stumble over, or read past, in silence.
bool check_characters(std::string_view text, ProblemList& problems) {
  TextPlace place{1, 1};
  while (!text.empty()) {
    const std::size_t size = utf8_sequence_size(text);
    if (size == 0) {
      problems.add(place, "not UTF-8");
      return false;
    }
    if (is_forbidden_control(text.front())) {
      problems.add(place,
                   fmt::format("control character {} in the file", in_quotes(text.substr(0, 1))));
      return false;
    }
    place = text.front() == '\n' ? TextPlace{place.line + 1, 1}
                                 : TextPlace{place.line, place.column + static_cast<int>(size)};
    text.remove_prefix(size);
  }
  return true;
}

void parse_document(const std::string& text, TreeBuilder& builder, ProblemList& problems) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  if (!parser.HandleNextDocument(builder)) {
    problems.add({1, 1}, "the file is empty");
    return;
  }
  TreeBuilder rest(text, problems);
  if (parser.HandleNextDocument(rest)) {
    const TextPlace place = rest.take_root().place;
    problems.add(place, "a second YAML document; a config file holds one");
  }
}

}  // namespace

std::optional<YamlNode> read_yaml(const std::string& text, ProblemList& problems) {
  if (text.size() > kMaxFileBytes) {
    problems.add({}, fmt::format("Larger than {} bytes", kMaxFileBytes));
    return std::nullopt;
  }
  if (!check_characters(text, problems)) return std::nullopt;
  const std::string without_mark =
      text.substr(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
  TreeBuilder builder(without_mark, problems);
  try {
    parse_document(without_mark, builder, problems);
  } catch (const LimitPassed& passed) {
    problems.add(passed.place, passed.message);
  } catch (const YAML::Exception& error) {
    problems.add(place_of(error.mark), "not YAML: " + error.msg);
  }
  if (!problems.empty()) return std::nullopt;
  return builder.take_root();
}

}  // namespace moult::config
