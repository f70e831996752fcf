#pragma once

#include <simdjson.h>

#include <string>
#include <vector>

#include "runtime/route/scratch.h"
#include "runtime/route/value.h"

namespace moult::route {

struct Scratch::Buffers {
  simdjson::ondemand::parser parser;
  std::string copy;           // of a payload without padding, with it
  std::vector<Value> values;  // by slot
};

}  // namespace moult::route
