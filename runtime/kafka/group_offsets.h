#pragma once

#include "runtime/kafka/handles.h"

namespace moult::kafka {

using AdminOptions = Owned<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;
/// The question what a group has committed.
using ListOffsets =
    Owned<rd_kafka_ListConsumerGroupOffsets_t, rd_kafka_ListConsumerGroupOffsets_destroy>;

/// What the answer to it says of the one group that was asked for; null when it is another answer.
/// Lives as long as the event.
const rd_kafka_group_result_t* only_group(const EventHandle& event);

}  // namespace moult::kafka
