#include "runtime/kafka/fetch_budget.h"

#include <algorithm>
#include <string>

#include "runtime/kafka/client.h"
#include "runtime/kafka/errors.h"

namespace moult::kafka {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kMostQueuedKiB = 64 * kKiB;  // librdkafka's default
constexpr std::uint64_t kLeastFetch = 16 * kKiB;
// Librdkafka wants a whole fetch to have room for the largest message.
constexpr std::uint64_t kLeastWholeFetch = kMiB;
constexpr std::uint64_t kMostWholeFetch = 50 * kMiB;  // its default
// As many small records as keep a fast handler busy between two fetches: with five times as many,
// librdkafka's default, a slow one's partition cost 300 MiB, and a fast one's gained nothing.
constexpr std::uint64_t kQueuedRecords = 20'000;

std::uint64_t share_of(std::uint64_t budget, std::size_t partitions) {
  return budget / std::max<std::size_t>(partitions, 1);
}

}  // namespace

std::uint64_t ahead_limit(std::uint64_t budget, std::size_t partitions) {
  return std::max(share_of(budget, partitions) / 4, kLeastFetch);
}

std::uint64_t stale_limit(std::uint64_t budget) { return budget / 8; }

Properties fetch_limits(std::uint64_t budget, std::size_t partitions, const Properties& user) {
  const std::uint64_t share = share_of(budget, partitions);
  // Half for what is queued, a quarter for the fetch under way, the rest for the records in hand.
  const std::uint64_t queued = std::clamp(share / 2 / kKiB, std::uint64_t{1}, kMostQueuedKiB);
  const std::uint64_t fetch = std::clamp(share / 4, kLeastFetch, kMiB);
  const std::uint64_t whole = std::clamp(budget / 8, kLeastWholeFetch, kMostWholeFetch);
  Properties limits = {{"queued.max.messages.kbytes", std::to_string(queued)},
                       {"queued.min.messages", std::to_string(kQueuedRecords)},
                       {"fetch.message.max.bytes", std::to_string(fetch)},
                       {"fetch.max.bytes", std::to_string(whole)}};
  if (user.contains("max.partition.fetch.bytes")) limits.erase("fetch.message.max.bytes");
  // Librdkafka refuses a whole fetch below the one and above the other.
  if (user.contains("message.max.bytes") || user.contains("receive.message.max.bytes")) {
    limits.erase("fetch.max.bytes");
  }
  for (const auto& [name, value] : user) limits.erase(name);
  return limits;
}

std::size_t count_partitions(const std::string& group, const Properties& user,
                             const TopicRouter& router, Milliseconds timeout, const Logger& log) {
  const auto assume = [&](std::string_view why) {
    log.warning("can't tell how many partitions there will be, the memory budget assumes a number",
                {{"partitions", kAssumedPartitions}, {"reason", why}});
    return kAssumedPartitions;
  };
  auto conf = browsing_conf(group, user);
  if (!conf) return assume(conf.error().message);
  // The consumer's own client reports what is wrong with the cluster.
  rd_kafka_conf_set_log_cb(conf->get(), discard_log);
  const auto client = make_client(RD_KAFKA_CONSUMER, std::move(*conf));
  if (!client) return assume(client.error().message);
  const rd_kafka_metadata_t* raw = nullptr;
  const auto code = rd_kafka_metadata(client->get(), /*all_topics=*/1, nullptr, &raw,
                                      static_cast<int>(timeout.count()));
  const MetadataHandle metadata(raw);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return assume(error_text(code));
  const auto partitions = partitions_of(*metadata, router);
  return partitions ? *partitions : assume(partitions.error().message);
}

/// What is fetched is bounded once, for all topics that come later too: as if there were one
/// partition, each of them would get the whole budget.
Result<std::size_t> partitions_of(const rd_kafka_metadata_t& cluster, const TopicRouter& router) {
  std::size_t partitions = 0;
  for (int i = 0; i < cluster.topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& topic = cluster.topics[i];
    if (router.route(topic.topic)) partitions += static_cast<std::size_t>(topic.partition_cnt);
  }
  if (partitions == 0) return failure("none of the topics exists yet");
  return partitions;
}

}  // namespace moult::kafka
