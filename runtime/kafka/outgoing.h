#pragma once

#include <string_view>

#include "runtime/kafka/producer.h"
#include "sdk/include/moult/moult.h"

namespace moult::kafka {

/// A handler's message as a record to produce; `topic` outlives it.
OutgoingRecord outgoing(std::string_view topic, const moult_message& message);

}  // namespace moult::kafka
