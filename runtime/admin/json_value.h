#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.h"

namespace moult {

/// JSON that came over the admin socket, read whole: it is small and nobody waits for it.
class JsonValue {
 public:
  enum class Kind { kMissing, kNull, kBoolean, kNumber, kText, kList, kObject };
  using Members = std::vector<std::pair<std::string, JsonValue>>;

  static Result<JsonValue> parse(std::string_view json);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }

  // What another kind of value answers is empty: false, `otherwise`, "", no items.
  bool truth() const { return number_ != 0 && is(Kind::kBoolean); }
  /// Whole numbers of 64 bits; of others `otherwise`.
  std::int64_t number(std::int64_t otherwise = -1) const {
    return is(Kind::kNumber) ? number_ : otherwise;
  }
  const std::string& text() const { return text_; }
  const std::vector<JsonValue>& items() const { return items_; }
  const Members& members() const { return members_; }
  /// A member of an object; kMissing when there is none.
  const JsonValue& operator[](std::string_view name) const;

 private:
  friend class JsonReader;

  Kind kind_ = Kind::kMissing;
  std::int64_t number_ = 0;
  std::string text_;
  std::vector<JsonValue> items_;
  Members members_;
};

}  // namespace moult
