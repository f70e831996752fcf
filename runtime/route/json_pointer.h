#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace moult::route {

/// The member names and array indexes of a JSON pointer (RFC 6901), ~0 and ~1 resolved; none for
/// the empty pointer, which is the whole document. The error says what is wrong with the text
/// without repeating it.
Result<std::vector<std::string>> parse_pointer(std::string_view text);

}  // namespace moult::route
