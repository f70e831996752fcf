#include "runtime/route/scratch.h"

#include "runtime/route/buffers.h"

namespace moult::route {

static_assert(kPadding >= simdjson::SIMDJSON_PADDING);

Scratch::Scratch() : buffers_(std::make_unique<Buffers>()) {}
Scratch::~Scratch() = default;

}  // namespace moult::route
