#pragma once

#include "runtime/base/json.h"

namespace moult::config {

using moult::json_string;
using moult::JsonWriter;

}  // namespace moult::config
