// How much memory a daemon takes whose handlers stand still.
#include <algorithm>
#include <string>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

constexpr std::uint64_t kMiB = 1'048'576;
constexpr std::uint64_t kBudget = 256 * kMiB;
/// What a daemon takes without a record (some 20 MiB with as many partitions), and what the
/// allocator keeps between records of this size.
constexpr std::uint64_t kBeside = 64 * kMiB;

class Memory : public OneGroup {};

/// 200 partitions with 4 MiB each, which is more than three times the budget.
TEST_F(Memory, N10_StalledHandlersOfLargeRecordsStayInsideTheBudget) {
  constexpr int kPartitions = 200;
  constexpr int kRecords = 4 * kPartitions;
  admin_.create_topic(topic_, kPartitions, {{"max.message.bytes", "2000000"}});
  Producer large(cluster_.bootstrap(), {{"message.max.bytes", "2000000"}});
  large.send_sequence(topic_, kPartitions, kRecords, kMiB);
  // Four workers, a tenth of a second for each record: what may be fetched ahead is, long before.
  DaemonSpec stalled = spec({{"sleep_ms_per_batch", "100"}});
  stalled.options["memory_budget"] = "256MiB";
  handler(stalled).options["batch"] = "{max_records: 1}";
  const auto daemon = start(stalled);
  ASSERT_TRUE(ledger_.wait_handled(kRecords, seconds(120)));
  const std::uint64_t peak = daemon->memory_kib("VmHWM") * 1'024;
  RecordProperty("peak_mib", std::to_string(peak / kMiB));
  EXPECT_LE(peak, kBudget + kBeside);
  EXPECT_GE(peak, kBudget / 2) << "the budget was not used: this shows nothing";
  stop_cleanly(*daemon);
  EXPECT_THAT(violations(large.produced(), ledger_.read(), admin_.committed(group_)), IsEmpty());
  EXPECT_EQ(admin_.lag(group_, {topic_}), 0);
  expect_no_duplicates();
}

/// A record keeps the whole fetch that it came with in memory: one that nobody takes for long must
/// not keep what its neighbours in that fetch were. Two partitions, the first of which gets a small
/// record now and then, the other a lot.
class MemoryBesideATrickle : public OneGroup {
 protected:
  static constexpr std::uint64_t kSmallBudget = 64 * kMiB;
  static constexpr int kChunks = 9'600;
  static constexpr int kAtOnce = 320;  // 20 MiB
  static constexpr std::size_t kChunkSize = 64UL * 1'024;

  MemoryBesideATrickle() { make_topic(2); }

  DaemonSpec small(const Properties& settings) const {
    DaemonSpec daemon = spec(settings);
    daemon.options["memory_budget"] = "64MiB";
    daemon.kafka["fetch.min.bytes"] = "1000000";  // both partitions in each fetch
    handler(daemon).options["retry"] = "{backoff: 1s, backoff_max: 1s}";
    return daemon;
  }

  /// 600 MiB, by and by, all handled but the trickle.
  void run_past(const Daemon& daemon) {
    for (int chunk = 1; chunk <= kChunks; ++chunk) {
      producer_.send({.topic = topic_, .partition = 1, .key = "flood", .size = kChunkSize});
      if (chunk % 2 == 0) {
        producer_.send({.topic = trickle_topic_, .partition = 0, .key = "trickle"});
      }
      if (chunk % kAtOnce == 0) {
        ASSERT_TRUE(wait_chunks_handled(chunk));
      }
    }
    const std::uint64_t peak = daemon.memory_kib("VmHWM") * 1'024;
    RecordProperty("peak_mib", std::to_string(peak / kMiB));
    EXPECT_LE(peak, kSmallBudget + kBeside) << peak / kMiB;
  }

  bool wait_chunks_handled(int chunks) {
    producer_.flush();
    return ledger_.wait(
        [&](const Entries& entries) {
          return std::ranges::count_if(of_event(entries, Event::kRecord), [](const Entry& entry) {
                   return entry.partition().partition == 1;
                 }) >= chunks;
        },
        kLong);
  }

  /// The trickle is handled after all, each record of it once and in its order.
  void expect_all_of_it(Daemon& daemon) {
    ASSERT_TRUE(wait_all_handled());
    stop_cleanly(daemon);
    expect_complete();
    expect_no_duplicates();
  }

  std::string healed() const { return (scratch_ / "healed").string(); }

  std::string trickle_topic_ = topic_;
};

TEST_F(MemoryBesideATrickle, N10_AFailingLaneKeepsNothingOfOthers) {
  const auto daemon =
      start(small({{"fail_all", "true"}, {"fail_partition", "0"}, {"fail_until", healed()}}));
  run_past(*daemon);
  write_file(healed(), "");
  expect_all_of_it(*daemon);
}

TEST_F(MemoryBesideATrickle, N10_AFailingKeyKeepsNothingOfOthers) {
  DaemonSpec by_key = small({{"fail_key", "trickle"}, {"fail_until", healed()}});
  handler(by_key).options["ordering"] = "key";
  const auto daemon = start(by_key);
  run_past(*daemon);
  write_file(healed(), "");
  expect_all_of_it(*daemon);
}

TEST_F(MemoryBesideATrickle, N10_APausedHandlerKeepsNothingOfOthers) {
  trickle_topic_ = topic_ + "-trickle";
  admin_.create_topic(trickle_topic_, 1);
  DaemonSpec two = small({});
  HandlerSpec other = handler(two);
  other.name = "trickle";
  other.topics = {trickle_topic_};
  two.consumers[0].handlers.push_back(other);
  const auto daemon = start(two);
  ASSERT_TRUE(daemon->wait_log("partition assigned", kLong, 3));
  const auto tell = [&](const std::string& what) {
    return run_moult({what, "--config", daemon->config().string(), "trickle"}).status;
  };
  ASSERT_EQ(tell("pause"), 0);
  run_past(*daemon);
  ASSERT_EQ(tell("resume"), 0);
  expect_all_of_it(*daemon);
  EXPECT_EQ(admin_.lag(group_, {trickle_topic_}), 0);
}

}  // namespace
}  // namespace moult::testing
