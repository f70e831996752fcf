#pragma once

#include <string_view>

namespace moult::route {

/// Whether the text is a number by JSON's grammar, whatever its size.
bool is_number(std::string_view text);

/// Whether two such numbers have the same value: exactly, not as doubles.
bool same_number(std::string_view left, std::string_view right);

}  // namespace moult::route
