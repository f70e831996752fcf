#pragma once

#include <vector>

#include "runtime/dispatch/types.h"
#include "runtime/kafka/handles.h"

namespace moult::kafka {

PartitionListHandle to_list(const std::vector<TopicPartition>& partitions);
std::vector<TopicPartition> from_list(const rd_kafka_topic_partition_list_t* list);

}  // namespace moult::kafka
