// Feeds any expression and any document (the input's first line and the rest) to the JSON routing.
// No input may crash it or make it read past a payload's padding; where the payload lies must not
// matter; what counts as JSON, and the key that a pointer finds, must be what simdjson's other
// parser says, a second implementation that reads everything.

#include <simdjson.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/check.h"
#include "runtime/route/json_pointer.h"
#include "runtime/route/key_pointer.h"
#include "runtime/route/where.h"

namespace {

using moult::route::Found;
using moult::route::KeyPointer;
using moult::route::kPadding;
using moult::route::Match;
using moult::route::Payload;
using moult::route::Scratch;
using moult::route::Where;
namespace dom = simdjson::dom;

/// Bytes that a document could be thought to go on with.
constexpr std::string_view kPaddings = "}],\"1";

/// A document in memory that ends with its padding.
class Padded {
 public:
  Padded(std::string_view text, char padding)
      : size_(text.size()), bytes_(std::make_unique<char[]>(text.size() + kPadding)) {
    if (!text.empty()) std::memcpy(bytes_.get(), text.data(), text.size());
    std::memset(bytes_.get() + size_, padding, kPadding);
  }

  Payload payload() const { return {.bytes = {bytes_.get(), size_}, .padded = true}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

Match check_match(const Where& where, std::string_view json, Scratch& scratch) {
  const Match copied = where.matches({.bytes = json, .padded = false}, scratch);
  for (const char padding : kPaddings) {
    const Padded padded(json, padding);
    MOULT_CHECK(where.matches(padded.payload(), scratch) == copied, "the padding matters");
  }
  return copied;
}

bool is_json(std::string_view json, Scratch& scratch) {
  return check_match(Where::parse(R"("" exists)").value(), json, scratch) == Match::kYes;
}

/// The other parser refuses numbers past 64 bits and has another bound of the depth.
bool is_its_own_limit(simdjson::error_code error) {
  return error == simdjson::NUMBER_ERROR || error == simdjson::DEPTH_ERROR;
}

std::optional<dom::element> last_member(dom::object object, std::string_view name) {
  std::optional<dom::element> found;
  for (const auto field : object) {
    if (field.key == name) found = field.value;
  }
  return found;
}

std::optional<dom::element> element_at(dom::array array, const std::string& name) {
  std::size_t index = 0;
  for (const auto element : array) {
    if (std::to_string(index++) == name) return element;
  }
  return std::nullopt;
}

std::optional<dom::element> look_up(dom::element root, std::string_view pointer) {
  std::optional<dom::element> at = root;
  const auto names = moult::route::parse_pointer(pointer).value();
  for (const std::string& name : names) {
    if (at->is_object()) {
      at = last_member(at->get_object().value_unsafe(), name);
    } else if (at->is_array()) {
      at = element_at(at->get_array().value_unsafe(), name);
    } else {
      return std::nullopt;
    }
    if (!at) return std::nullopt;
  }
  return at;
}

void check_same(std::string_view key, dom::element expected) {
  std::string_view text;
  if (expected.get(text) == simdjson::SUCCESS) {
    MOULT_CHECK(key == text, "another string");
    return;
  }
  dom::parser parser;
  dom::element again;
  MOULT_CHECK(parser.parse(key.data(), key.size()).get(again) == simdjson::SUCCESS,
              "a key is not the text of a value");
  MOULT_CHECK(simdjson::minify(again) == simdjson::minify(expected), "another value");
}

void check_key(std::string_view pointer, std::string_view json, dom::element root,
               Scratch& scratch) {
  const auto parsed = KeyPointer::parse(pointer);
  if (!parsed) return;
  const Padded padded(json, ']');
  const Found found = parsed->find(padded.payload(), scratch);
  const auto expected = look_up(root, pointer);
  MOULT_CHECK((found.what == Found::What::kKey) == expected.has_value(), "found or not");
  if (expected) check_same(found.key, *expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string input(bytes, bytes + size);
  const std::size_t line_end = std::min(input.find('\n'), input.size());
  const std::string expression = input.substr(0, line_end);
  const std::string json = input.substr(std::min(line_end + 1, input.size()));
  Scratch scratch;
  dom::parser parser;
  dom::element root;
  const auto error = parser.parse(json).get(root);
  const bool accepted = is_json(json, scratch);
  if (!is_its_own_limit(error)) {
    MOULT_CHECK(accepted == (error == simdjson::SUCCESS), "JSON for one only");
  }
  if (const auto where = Where::parse(expression)) {
    const Match match = check_match(*where, json, scratch);
    MOULT_CHECK((match == Match::kNotJson) != accepted, "JSON for one expression only");
  }
  if (error == simdjson::SUCCESS && accepted) check_key(expression, json, root, scratch);
  return 0;
}
