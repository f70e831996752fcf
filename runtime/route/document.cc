#include "runtime/route/document.h"

#include <simdjson.h>

#include <algorithm>
#include <new>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/route/buffers.h"
#include "runtime/route/number.h"

namespace moult::route {
namespace {

namespace ondemand = simdjson::ondemand;
using Node = PointerTree::Node;

constexpr std::size_t kMaxDepth = 1'024;
constexpr std::string_view kSpaces = " \t\r\n";

std::string_view without_spaces_behind(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kSpaces) + 1);
}

/// A number, true, false or null; missing when it is none.
Value plain_value(std::string_view text) {
  if (text == "true" || text == "false" || text == "null") return {ValueKind::kWord, text};
  if (is_number(text)) return {ValueKind::kNumber, text};
  return {};
}

/// Walks all of a document, because simdjson checks only what is looked at, and notes the wanted
/// values. simdjson's own readers of numbers refuse what does not fit 64 bits, so numbers are taken
/// as they are written. Every function is false when the document is not JSON.
class Walk {
 public:
  Walk(std::string_view json, ondemand::document& document, std::vector<Value>& values)
      : json_(json), document_(document), values_(values) {}

  /// `json` begins with what is no space.
  bool read(const Node& root) {
    switch (json_.front()) {
      case '{':
        return read_object(document_.get_object(), &root, 1) && at_end() && note(&root, whole());
      case '[':
        return read_array(document_.get_array(), &root, 1) && at_end() && note(&root, whole());
      case '"':
        return read_string(document_.get_string(), &root) && at_end();
      default:
        return note(&root, plain_value(without_spaces_behind(json_)));
    }
  }

 private:
  // simdjson's "end of the document", which is an error code.
  bool at_end() { return document_.current_location().error() == simdjson::OUT_OF_BOUNDS; }

  Value whole() const { return {ValueKind::kContainer, without_spaces_behind(json_)}; }

  bool note(const Node* node, Value value) {
    if (node != nullptr && node->slot) values_[*node->slot] = value;
    return value.kind != ValueKind::kMissing;
  }

  /// Of a name that stands twice the first value must leave no trace.
  void forget(const Node& node) {
    if (node.slot) values_[*node.slot] = {};
    for (const PointerTree::Child& child : node.children) forget(child.node);
  }

  bool read_string(simdjson::simdjson_result<std::string_view> result, const Node* node) {
    std::string_view text;
    return std::move(result).get(text) == simdjson::SUCCESS &&
           note(node, {ValueKind::kString, text});
  }

  bool read_value(ondemand::value value, const Node* node, std::size_t depth) {
    const std::string_view token = value.raw_json_token();
    // Where brackets are missing simdjson may read on in the padding.
    if (token.data() >= json_.data() + json_.size()) return false;
    switch (token.front()) {
      case '"':
        return read_string(value.get_string(), node);
      case '{':
        return read_object(value.get_object(), node, depth) && note_container(token, node);
      case '[':
        return read_array(value.get_array(), node, depth) && note_container(token, node);
      default:
        return note(node, plain_value(without_spaces_behind(token)));
    }
  }

  /// A container that begins with `token` and was read: it ends before the next token.
  bool note_container(std::string_view token, const Node* node) {
    if (node == nullptr || !node->slot) return true;
    const char* next = json_.data() + json_.size();
    if (document_.current_location().get(next) != simdjson::SUCCESS) return false;
    const std::string_view text(token.data(), static_cast<std::size_t>(next - token.data()));
    return note(node, {ValueKind::kContainer, without_spaces_behind(text)});
  }

  bool read_object(simdjson::simdjson_result<ondemand::object> result, const Node* node,
                   std::size_t depth) {
    ondemand::object object;
    if (depth > kMaxDepth || std::move(result).get(object) != simdjson::SUCCESS) return false;
    for (auto next : object) {
      ondemand::field field;
      std::string_view name;
      if (std::move(next).get(field) != simdjson::SUCCESS) return false;
      if (field.unescaped_key().get(name) != simdjson::SUCCESS) return false;
      const Node* const child = node == nullptr ? nullptr : node->member(name);
      if (child != nullptr) forget(*child);
      if (!read_value(field.value(), child, depth + 1)) return false;
    }
    return true;
  }

  bool read_array(simdjson::simdjson_result<ondemand::array> result, const Node* node,
                  std::size_t depth) {
    ondemand::array array;
    if (depth > kMaxDepth || std::move(result).get(array) != simdjson::SUCCESS) return false;
    std::size_t index = 0;
    for (auto next : array) {
      ondemand::value value;
      if (std::move(next).get(value) != simdjson::SUCCESS) return false;
      const Node* const child = node == nullptr ? nullptr : node->element(index);
      if (!read_value(value, child, depth + 1)) return false;
      ++index;
    }
    return true;
  }

  const std::string_view json_;
  ondemand::document& document_;
  std::vector<Value>& values_;
};

/// Makes room for a payload; lets go of what an unusually large one needed.
void fit(Scratch::Buffers& buffers, std::size_t bytes) {
  const std::size_t capacity = buffers.parser.capacity();
  if (capacity > Scratch::kKeptBytes && bytes <= Scratch::kKeptBytes) buffers = Scratch::Buffers();
  if (bytes <= buffers.parser.capacity()) return;
  // Doubled while it is kept, so that slowly growing payloads don't allocate each time.
  const std::size_t room = std::max(bytes, std::min(2 * capacity, Scratch::kKeptBytes));
  // Its own bound of the depth is off by some, and not looked at in every build.
  const auto error = buffers.parser.allocate(room, kMaxDepth + 2);
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
}

/// `json` where kPadding bytes behind it may be read.
std::string_view padded(Payload payload, std::string_view json, Scratch::Buffers& buffers) {
  if (payload.padded) return json;
  buffers.copy.assign(json);
  buffers.copy.append(kPadding, '\0');
  return std::string_view(buffers.copy).substr(0, json.size());
}

}  // namespace

std::optional<std::span<const Value>> read_document(Payload payload, const PointerTree& wanted,
                                                    Scratch& scratch) {
  const auto begin = payload.bytes.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return std::nullopt;
  Scratch::Buffers& buffers = scratch.buffers();
  fit(buffers, payload.bytes.size());
  const std::string_view json = padded(payload, payload.bytes.substr(begin), buffers);
  buffers.values.assign(wanted.slots(), {});
  ondemand::document document;
  const auto error =
      buffers.parser.iterate(json.data(), json.size(), json.size() + kPadding).get(document);
  MOULT_CHECK(error != simdjson::MEMALLOC, "room was not made");
  if (error != simdjson::SUCCESS) return std::nullopt;
  if (!Walk(json, document, buffers.values).read(wanted.root())) return std::nullopt;
  return std::span<const Value>(buffers.values);
}

std::optional<std::string> unquoted(std::string_view json_string) {
  simdjson::dom::parser parser;
  std::string_view text;
  const simdjson::padded_string copy(json_string);
  if (parser.parse(copy).get(text) != simdjson::SUCCESS) return std::nullopt;
  return std::string(text);
}

}  // namespace moult::route
