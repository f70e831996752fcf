#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/kafka/handles.h"
#include "sdk/include/moult/moult.h"

namespace moult::kafka {

/// What is to be produced; everything is copied.
struct OutgoingRecord {
  std::string_view topic;
  std::int32_t partition = RD_KAFKA_PARTITION_UA;
  const void* key = nullptr;
  std::size_t key_size = 0;
  const void* value = nullptr;
  std::size_t value_size = 0;
  HeadersHandle headers;  // may be null
};

/// Hands the record to the client; nothing when it took it, and then also the headers. `opaque`
/// comes back with its delivery report.
ErrorHandle enqueue(rd_kafka_t* client, OutgoingRecord& record, void* opaque);

/// A handler's message as a record to produce; `topic` outlives it.
OutgoingRecord outgoing(std::string_view topic, const moult_message& message);

}  // namespace moult::kafka
