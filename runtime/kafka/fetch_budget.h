#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/base/log.h"
#include "runtime/base/time.h"
#include "runtime/kafka/client_config.h"
#include "runtime/kafka/topic_router.h"

namespace moult::kafka {

/// How much librdkafka may fetch ahead, so that as many partitions as that, none of them pulled,
/// stay inside the budget (bytes). Librdkafka's own bounds hold for each partition, and a fetch
/// that is under way comes on top of them; of records larger than a partition's share it keeps one
/// batch a partition. What the user has set, also by another name or in a way that rules ours out,
/// is left to the user.
Properties fetch_limits(std::uint64_t budget, std::size_t partitions, const Properties& user);

/// How many bytes a partition that is spread over slots may run ahead of its first unfinished
/// record, so that they stay inside the budget too.
std::uint64_t ahead_limit(std::uint64_t budget, std::size_t partitions);

/// How many bytes may be handled, of all partitions, before one that stands still lets go of what
/// was fetched ahead of it, and with it of their fetches.
std::uint64_t stale_limit(std::uint64_t budget);

/// How many partitions the topics of the router have, which one member may get all of. Asks the
/// cluster by a client that joins nothing, for `timeout` at most; what can't be asked, or is not
/// there yet, is taken for kAssumedPartitions.
std::size_t count_partitions(const std::string& group, const Properties& user,
                             const TopicRouter& router, Milliseconds timeout, const Logger& log);

/// Of what a cluster said; fails when none of the topics exists.
Result<std::size_t> partitions_of(const rd_kafka_metadata_t& cluster, const TopicRouter& router);

inline constexpr std::size_t kAssumedPartitions = 256;

}  // namespace moult::kafka
