#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "runtime/base/json.h"
#include "runtime/observe/escape.h"

namespace moult {

/// Names and messages may come from anywhere; JSON must be UTF-8.
inline std::string valid_utf8(std::string_view text) {
  std::string valid;
  append_valid_utf8(valid, text, std::numeric_limits<std::size_t>::max());
  return valid;
}

inline void add(JsonWriter& json, std::string_view key, std::string_view text) {
  json.key(key);
  json.text(valid_utf8(text));
}

/// Numbers and booleans.
template <typename T>
requires std::is_integral_v<T>
void add(JsonWriter& json, std::string_view key, T value) {
  json.key(key);
  if constexpr (std::is_same_v<T, bool>) {
    json.boolean(value);
  } else {
    json.number(static_cast<std::int64_t>(value));
  }
}

}  // namespace moult
