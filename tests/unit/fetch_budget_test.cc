#include "runtime/kafka/fetch_budget.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace moult::kafka {
namespace {

constexpr std::uint64_t kMiB = 1024ULL * 1024;

std::uint64_t number(const Properties& limits, const std::string& name) {
  return std::stoull(limits.at(name));
}

TEST(FetchBudgetTest, EveryPartitionsQueueAndFetchFitTheBudget) {
  for (const std::uint64_t budget : {16 * kMiB, 256 * kMiB, 4096 * kMiB}) {
    for (const std::size_t partitions : {1UL, 8UL, 200UL}) {
      const Properties limits = fetch_limits(budget, partitions, {});
      const std::uint64_t queued = number(limits, "queued.max.messages.kbytes") * 1024;
      const std::uint64_t fetch = number(limits, "fetch.message.max.bytes");
      EXPECT_LE(partitions * (queued + fetch), budget) << budget << " over " << partitions;
    }
  }
}

TEST(FetchBudgetTest, ManyPartitionsStillFetch) {
  const Properties limits = fetch_limits(16 * kMiB, 100'000, {});
  EXPECT_GE(number(limits, "queued.max.messages.kbytes"), 1U);
  EXPECT_GE(number(limits, "fetch.message.max.bytes"), 16U * 1024);
}

Result<std::size_t> partitions_counted(const std::vector<std::pair<std::string, int>>& there) {
  std::vector<rd_kafka_metadata_topic_t> topics;
  topics.reserve(there.size());
  for (const auto& [name, partitions] : there) {
    topics.push_back({const_cast<char*>(name.c_str()), partitions, nullptr, {}});
  }
  rd_kafka_metadata_t cluster{};
  cluster.topic_cnt = static_cast<int>(topics.size());
  cluster.topics = topics.data();
  const auto router = TopicRouter::make({{"orders"}, {"^audit\\."}});
  return partitions_of(cluster, *router);
}

TEST(FetchBudgetTest, CountsThePartitionsThatAreRead) {
  EXPECT_EQ(*partitions_counted({{"orders", 3}, {"other", 50}, {"audit.a", 2}, {"audit.b", 4}}),
            9U);
}

TEST(FetchBudgetTest, TopicsThatAreNotThereYetAreNotOnePartition) {
  EXPECT_FALSE(partitions_counted({}).has_value());
  EXPECT_FALSE(partitions_counted({{"other", 50}}).has_value());
}

TEST(FetchBudgetTest, NoPartitionsAreNoDivision) {
  EXPECT_EQ(fetch_limits(256 * kMiB, 0, {}), fetch_limits(256 * kMiB, 1, {}));
}

TEST(FetchBudgetTest, WhatTheUserSetIsTheUsers) {
  const Properties limits = fetch_limits(
      256 * kMiB, 8, {{"queued.max.messages.kbytes", "7"}, {"max.partition.fetch.bytes", "9999"}});
  EXPECT_FALSE(limits.contains("queued.max.messages.kbytes"));
  EXPECT_FALSE(limits.contains("fetch.message.max.bytes"));
  EXPECT_TRUE(limits.contains("queued.min.messages"));
}

TEST(FetchBudgetTest, LargeMessagesOfTheUserRuleOutOurWholeFetch) {
  EXPECT_FALSE(
      fetch_limits(16 * kMiB, 8, {{"message.max.bytes", "90000000"}}).contains("fetch.max.bytes"));
  for (const std::uint64_t budget : {16 * kMiB, 4096 * kMiB}) {
    Properties all = {{"auto.offset.reset", "earliest"}, {"bootstrap.servers", "localhost:1"}};
    all.merge(fetch_limits(budget, 8, all));
    EXPECT_TRUE(consumer_conf("group", all).has_value());
  }
}

}  // namespace
}  // namespace moult::kafka
