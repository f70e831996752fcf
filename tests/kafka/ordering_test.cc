// The order of records, and offsets that are missing in it.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "tests/kafka/group_fixture.h"
#include "tests/support/reader.h"

namespace moult::testing {
namespace {

class Ordering : public OneGroup {
 protected:
  std::vector<Offset> handled(std::int32_t partition, const std::string& tag) {
    std::vector<Offset> found;
    for (const Entry& entry : of_event(of_tag(ledger_.read(), tag), Event::kRecord)) {
      if (entry.partition().partition == partition) found.push_back(entry.offset);
    }
    return found;
  }

  std::vector<Offset> visible(std::int32_t partition, const std::string& isolation) const {
    return offsets_in(cluster_.bootstrap(), {topic_, partition}, {{"isolation.level", isolation}});
  }

  /// The broker's own tool finds nothing left to do in any partition.
  void expect_no_lag_by_tool(const std::string& group) {
    const std::string shown = cluster_.tool({"consumer-groups", "--describe", "--group", group});
    for (const auto& [partition, end] : admin_.end_offsets(topic_)) {
      EXPECT_THAT(shown, ::testing::ContainsRegex(fmt::format("{} +{} +{} +{} +0 ", topic_,
                                                              partition.partition, end, end)));
    }
  }

  /// Some batches of different partitions were in work at the same time.
  bool ran_in_parallel() {
    const Entries ends = of_event(ledger_.read(), Event::kEnd);
    return std::ranges::any_of(ends, [&](const Entry& one) {
      return std::ranges::any_of(ends, [&](const Entry& other) {
        return one.partition() != other.partition() && one.start_ns < other.end_ns &&
               other.start_ns < one.end_ns;
      });
    });
  }
};

TEST_F(Ordering, O1_EachPartitionIsInOrderUnderParallelWorkers) {
  make_topic(8);
  DaemonSpec parallel =
      spec({{"sleep_us_per_record", "20"}, {"fail_offset", "100"}, {"fail_partition", "3"}});
  auto& options = parallel.consumers[0].handlers[0].options;
  options["batch"] = "{max_records: 50}";
  options["retry"] = "{backoff: 100ms, backoff_max: 100ms}";
  const auto daemon = start(parallel);
  send(8'000);
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
  EXPECT_EQ(ledger_.count(Event::kFailed), 1U);
  EXPECT_TRUE(ran_in_parallel());
}

TEST_F(Ordering, O4_ACompactedTopicWithGapsIsCommittedToItsEnd) {
  constexpr int kKeys = 10;
  constexpr int kRounds = 20;
  admin_.create_topic(topic_, 1,
                      {{"cleanup.policy", "compact"},
                       {"min.cleanable.dirty.ratio", "0.01"},
                       {"segment.ms", "100"},
                       {"delete.retention.ms", "0"}});
  for (int round = 0; round < kRounds; ++round) {
    for (int key = 0; key < kKeys; ++key) {
      producer_.send({.topic = topic_, .partition = 0, .key = "key" + std::to_string(key)});
    }
  }
  producer_.flush();
  // A segment is closed, and may be compacted, once a later record has come.
  const auto compacted = [&] {
    producer_.send({.topic = topic_, .partition = 0, .key = "closer"});
    producer_.flush();
    return visible(0, "read_committed").size() < kKeys * kRounds / 2;
  };
  ASSERT_TRUE(eventually(compacted, seconds(60), milliseconds(500))) << "no compaction";
  const auto daemon = start(spec());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  stop_cleanly(*daemon);
  const std::vector<Offset> seen = handled(0, "-");
  // Compaction goes on: what a reader sees now is no more than what was there to handle.
  EXPECT_THAT(visible(0, "read_committed"), ::testing::IsSubsetOf(seen));
  EXPECT_LT(seen.size(), producer_.produced().size());
  EXPECT_THAT(out_of_order(ledger_.read()), IsEmpty());
  expect_no_duplicates();
  expect_no_lag_by_tool(group_);
}

TEST_F(Ordering, O4_ControlRecordsAndAbortedTransactionsAtTheTailAreCommitted) {
  admin_.create_topic(topic_, 2);
  Producer transactions(cluster_.bootstrap(), {{"transactional.id", topic_}});
  const auto send_to = [&](std::int32_t partition, int count) {
    for (int i = 0; i < count; ++i) {
      transactions.send({.topic = topic_, .partition = partition});
    }
  };
  transactions.begin();
  send_to(0, 50);
  transactions.commit();
  transactions.begin();
  send_to(0, 30);
  send_to(1, 20);  // nothing else is ever in this partition
  transactions.abort();

  DaemonSpec both = spec();
  ConsumerSpec& committed = both.consumers[0];
  committed.kafka["isolation.level"] = "read_committed";
  committed.handlers[0].settings["tag"] = "read_committed";
  ConsumerSpec uncommitted = committed;
  uncommitted.group = group_ + "-uncommitted";
  uncommitted.kafka["isolation.level"] = "read_uncommitted";
  uncommitted.handlers[0].name = "uncommitted";
  uncommitted.handlers[0].settings["tag"] = "read_uncommitted";
  both.consumers.push_back(uncommitted);
  const auto daemon = start(both);
  EXPECT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  EXPECT_TRUE(admin_.wait_caught_up(uncommitted.group, {topic_}, kLong));
  stop_cleanly(*daemon);

  EXPECT_EQ(admin_.committed(group_), admin_.end_offsets(topic_));
  EXPECT_EQ(admin_.committed(uncommitted.group), admin_.end_offsets(topic_));
  expect_no_lag_by_tool(group_);
  expect_no_lag_by_tool(uncommitted.group);
  EXPECT_THAT(handled(0, "read_committed"), SizeIs(50));
  EXPECT_THAT(handled(1, "read_committed"), IsEmpty());
  EXPECT_THAT(handled(0, "read_uncommitted"), SizeIs(80));
  EXPECT_THAT(handled(1, "read_uncommitted"), SizeIs(20));
  for (const char* isolation : {"read_committed", "read_uncommitted"}) {
    EXPECT_EQ(handled(0, isolation), visible(0, isolation));
    EXPECT_EQ(handled(1, isolation), visible(1, isolation));
  }
  EXPECT_THAT(missing(transactions.produced(), of_tag(ledger_.read(), "read_committed")),
              IsEmpty());
}

}  // namespace
}  // namespace moult::testing
