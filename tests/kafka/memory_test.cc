// How much memory a daemon takes whose handlers stand still.
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

}  // namespace
}  // namespace moult::testing
