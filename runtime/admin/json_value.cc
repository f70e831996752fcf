#include "runtime/admin/json_value.h"

#include <simdjson.h>

namespace moult {
namespace {

constexpr std::size_t kMaxDepth = 32;
namespace dom = simdjson::dom;

}  // namespace

/// Turns simdjson's document, which lives as long as its parser, into values of our own.
class JsonReader {
 public:
  static JsonValue read(dom::element element) {
    JsonValue value;
    switch (element.type()) {
      case dom::element_type::ARRAY:
        value.kind_ = JsonValue::Kind::kList;
        for (const dom::element item : dom::array(element)) value.items_.push_back(read(item));
        break;
      case dom::element_type::OBJECT:
        value.kind_ = JsonValue::Kind::kObject;
        for (const auto& [name, member] : dom::object(element)) {
          value.members_.emplace_back(std::string(name), read(member));
        }
        break;
      case dom::element_type::STRING:
        value.kind_ = JsonValue::Kind::kText;
        value.text_ = std::string_view(element);
        break;
      case dom::element_type::BOOL:
        value.kind_ = JsonValue::Kind::kBoolean;
        value.number_ = bool(element) ? 1 : 0;
        break;
      case dom::element_type::INT64:
        value.kind_ = JsonValue::Kind::kNumber;
        value.number_ = std::int64_t(element);
        break;
      default:
        value.kind_ = JsonValue::Kind::kNull;
        break;
    }
    return value;
  }
};

Result<JsonValue> JsonValue::parse(std::string_view json) {
  dom::parser parser;
  if (parser.allocate(json.size(), kMaxDepth) != simdjson::SUCCESS) return failure("no memory");
  const simdjson::padded_string copy(json);
  dom::element root;
  if (const auto error = parser.parse(copy).get(root); error != simdjson::SUCCESS) {
    return failure(std::string("not JSON: ") + simdjson::error_message(error));
  }
  return JsonReader::read(root);
}

const JsonValue& JsonValue::operator[](std::string_view name) const {
  static const JsonValue missing;
  for (const auto& [member, value] : members_) {
    if (member == name) return value;
  }
  return missing;
}

}  // namespace moult
