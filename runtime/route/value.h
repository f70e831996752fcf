#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace moult::route {

enum class ValueKind : std::uint8_t {
  kMissing,    // there is no value at the pointer
  kWord,       // true, false, null
  kNumber,     // as it is written
  kString,     // its bytes, escapes resolved
  kContainer,  // an object or array, as it is written
};

/// What a document has at a pointer. The text lives in the document or in the Scratch.
struct Value {
  ValueKind kind = ValueKind::kMissing;
  std::string_view text;
};

/// A constant of an expression; never missing and no container.
struct Literal {
  ValueKind kind = ValueKind::kWord;
  std::string text;
};

}  // namespace moult::route
