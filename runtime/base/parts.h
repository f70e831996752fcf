#pragma once

#include <string_view>
#include <vector>

namespace moult {

/// Without the blanks and line ends around it.
std::string_view trimmed(std::string_view text);

/// What stands between the separators, each trimmed; also where that is nothing, but not behind the
/// last one.
std::vector<std::string_view> parts_of(std::string_view list, char separator);

}  // namespace moult
