#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace moult::config {

/// The JSON form of a plain scalar that is a boolean or a number by YAML's core schema; empty if it
/// is text. An error if it is a number that JSON or its usual readers (64-bit integers, doubles)
/// don't have.
Result<std::string> json_literal(std::string_view plain);

}  // namespace moult::config
