#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/route/pointer_tree.h"
#include "runtime/route/scratch.h"
#include "runtime/route/value.h"

namespace moult::route {

/// Reads the whole payload and hands out the values of the wanted pointers by slot; nothing when
/// the payload is not JSON. They live until the payload goes or the Scratch is used again.
std::optional<std::span<const Value>> read_document(Payload payload, const PointerTree& wanted,
                                                    Scratch& scratch);

/// The bytes of a JSON string with its quotes; nothing when it is none.
std::optional<std::string> unquoted(std::string_view json_string);

}  // namespace moult::route
