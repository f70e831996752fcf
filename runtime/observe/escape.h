#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace moult {

/// What escaping leaves as it is beside ordinary characters.
enum class Quotes { kKeep, kEscape };

/// Appends `text` so that it can neither end its line nor steer a terminal: controls, line and
/// paragraph separators, direction overrides and backslashes become the escapes of JSON, invalid
/// UTF-8 becomes U+FFFD. With Quotes::kEscape the result is the inside of a JSON string.
void append_escaped(std::string& out, std::string_view text, Quotes quotes, std::size_t max_bytes);

/// Appends `text` with nothing but its invalid UTF-8 replaced.
void append_valid_utf8(std::string& out, std::string_view text, std::size_t max_bytes);

/// Appends `key` with everything but ASCII letters, digits and `_ . -` replaced by `_`.
void append_plain_key(std::string& out, std::string_view key);

}  // namespace moult
