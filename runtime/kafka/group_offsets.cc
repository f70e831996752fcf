#include "runtime/kafka/group_offsets.h"

#include <cstddef>

namespace moult::kafka {

const rd_kafka_group_result_t* only_group(const EventHandle& event) {
  const auto* result = rd_kafka_event_ListConsumerGroupOffsets_result(event.get());
  std::size_t count = 0;
  if (result == nullptr) return nullptr;
  const auto** groups = rd_kafka_ListConsumerGroupOffsets_result_groups(result, &count);
  return count == 1 ? groups[0] : nullptr;
}

}  // namespace moult::kafka
