#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace moult::config {

/// The bytes of the UTF-8 sequence that `text` (not empty) begins with; 0 when it begins with none.
std::size_t utf8_sequence_size(std::string_view text);

bool is_utf8(std::string_view text);

/// Whether a byte is a control character that no text of a config file may hold: YAML forbids them,
/// and the parser takes some (0x04) for the end of the file.
bool is_forbidden_control(char byte);

/// `text` in quotes for a message: one line, printable, and at most 80 bytes of it.
std::string in_quotes(std::string_view text);

}  // namespace moult::config
