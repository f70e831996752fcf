#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace moult::aws {

/// Reads a variable; a seam, for tests.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

/// Empty also when it is not set: nothing here tells the two apart.
inline std::string variable(const Environment& environment, std::string_view name) {
  return environment(name).value_or("");
}

}  // namespace moult::aws
