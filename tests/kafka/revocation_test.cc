// What happens to the work in hand when a partition goes to another member.
#include <algorithm>
#include <map>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

/// The first and the last record that a lane handled.
struct Stretch {
  LaneKey lane;
  Offset first;
  Offset last;
};

/// The lanes of one partition that handled something, in the order of time.
std::vector<Stretch> stretches(const Entries& entries, const TopicPartition& partition) {
  std::vector<Stretch> result;
  for (const Entry& entry : entries) {
    if (entry.event != Event::kRecord || entry.partition() != partition) continue;
    if (result.empty() || result.back().lane != entry.lane) {
      result.push_back({entry.lane, entry.offset, entry.offset});
    }
    result.back().last = entry.offset;
  }
  return result;
}

class Revocation : public Group {
 protected:
  /// Small batches, so that much of what was fetched is still in its queue when it has to go.
  DaemonSpec in_small_batches(const Properties& settings) const {
    DaemonSpec result = spec(settings);
    result.consumers[0].handlers[0].options["batch"] = "{max_records: 10}";
    return result;
  }

  /// Until every partition of the topic has a batch that runs.
  bool wait_all_partitions_run(const Daemon& daemon) {
    return ledger_.wait(
        [&](const Entries& entries) {
          std::set<std::int32_t> begun;
          for (const Entry& entry : of_event(of_pid(entries, daemon.pid()), Event::kBegin)) {
            begun.insert(entry.partition().partition);
          }
          return begun.size() == static_cast<std::size_t>(partitions_);
        },
        kLong);
  }
};
MOULT_FOR_EACH_PROTOCOL(Revocation);

TEST_P(Revocation, R3_PrefetchedRecordsAreDroppedAndRegainMakesANewInstance) {
  make_topic(2);
  send(2'400);  // all of them are fetched at once
  const DaemonSpec slow = in_small_batches({{"sleep_us_per_record", "2000"}});
  const auto first = start(slow);
  ASSERT_TRUE(wait_all_partitions_run(*first));  // whichever of them moves
  const auto second = start(slow);
  // About as fast as they are handled: however late it has its partition, something is left in it.
  const auto feed_until_works = [&] {
    send(20);
    return !of_event(of_pid(ledger_.read(), second->pid()), Event::kRecord).empty();
  };
  ASSERT_TRUE(eventually(feed_until_works, kLong, milliseconds(20)));
  stop_cleanly(*second);
  send(20);  // and something for its return
  const std::size_t records = producer_.produced().size();
  ASSERT_TRUE(ledger_.wait_handled(records, kLong + milliseconds(records)));
  stop_cleanly(*first);
  expect_complete();
  expect_no_duplicates();
  const Entries of_second = of_event(of_pid(ledger_.read(), second->pid()), Event::kRecord);
  const auto parts = stretches(ledger_.read(), of_second.front().partition());
  ASSERT_THAT(parts, SizeIs(3));
  EXPECT_EQ(parts[1].lane.pid, second->pid());
  EXPECT_EQ(parts[2].lane.pid, first->pid());
  EXPECT_GT(parts[2].lane.epoch, parts[0].lane.epoch) << "unpaired() checks the instances";
  EXPECT_EQ(parts[1].first, parts[0].last + 1);
  EXPECT_EQ(parts[2].first, parts[1].last + 1);
}

TEST_P(Revocation, R4_RevokedReachesTheInstanceAfterItsRunningBatch) {
  make_topic(2);
  const auto first = start(in_small_batches({{"sleep_ms_per_batch", "1500"}}));
  send(40);
  ASSERT_TRUE(wait_all_partitions_run(*first));
  const auto second = start(in_small_batches({}));
  const auto revoked = [&](const Entries& entries) {
    return !of_event(of_pid(entries, first->pid()), Event::kRevoked).empty();
  };
  ASSERT_TRUE(ledger_.wait(revoked, kLong));
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*second);
  stop_cleanly(*first);
  expect_complete();  // revoked_too_early() is the claim
  expect_no_duplicates();
}

TEST_P(Revocation, R5_SlowHandlerIsDrainedThenCommittedThenReleased) {
  make_topic(2);
  send(20);
  DaemonSpec slow = in_small_batches({{"sleep_ms_per_batch", "2500"}});
  handler(slow).options["batch"] = "{max_records: 10, linger: 500ms}";
  const auto first = start(slow);
  ASSERT_TRUE(wait_all_partitions_run(*first));
  const auto second = start(in_small_batches({}));
  ASSERT_TRUE(wait_stable(2));
  send(20);
  ASSERT_TRUE(wait_all_handled());
  // The running batch was waited for: its records did not come again.
  EXPECT_THAT(of_event(of_pid(ledger_.read(), second->pid()), Event::kRecord), SizeIs(10));
  stop_cleanly(*second);
  stop_cleanly(*first);
  expect_complete();
  expect_no_duplicates();
}

TEST_P(Revocation, R5_PastTheBoundItIsRedeliveredAndTheLateCompletionDropped) {
  make_topic(2);
  send(40);
  const std::string batch_ends = (scratch_ / "batch_ends").string();
  DaemonSpec stubborn = in_small_batches(
      {{"hang_on_offset", "0"}, {"ignore_cancel", "true"}, {"fail_until", batch_ends}});
  stubborn.options["revoke_deadline"] = "500ms";
  const auto first = start(stubborn);
  ASSERT_TRUE(wait_all_partitions_run(*first));
  const auto second = start(in_small_batches({}));
  ASSERT_TRUE(wait_works(*second));
  const Entries of_second = of_event(of_pid(ledger_.read(), second->pid()), Event::kRecord);
  const TopicPartition moved = of_second.front().partition();
  // The new owner does not wait for the old one's batch.
  const auto late_end = [&](const Entries& entries) {
    return std::ranges::any_of(of_pid(entries, first->pid()), [&](const Entry& entry) {
      return entry.event == Event::kEnd && entry.partition() == moved;
    });
  };
  EXPECT_FALSE(late_end(ledger_.read()));
  write_file(batch_ends, "");
  ASSERT_TRUE(ledger_.wait(late_end, kLong));
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  // A commit of the late batch would set the group back to 10, within the commit interval.
  EXPECT_TRUE(always([&] { return admin_.committed(group_).at(moved) == 20; }, milliseconds(600)));
  stop_cleanly(*first);
  stop_cleanly(*second);
  EXPECT_THAT(missing(producer_.produced(), ledger_.read()), IsEmpty());
  for (const auto& daemon : {first.get(), second.get()}) {
    const Entries own = of_pid(ledger_.read(), daemon->pid());
    EXPECT_THAT(overlapping(own), IsEmpty());
    EXPECT_THAT(out_of_order(own), IsEmpty());
    EXPECT_THAT(revoked_too_early(own), IsEmpty());
  }
  EXPECT_EQ(admin_.lag(group_, {topic_}), 0);
  EXPECT_LE(duplicated(ledger_.read()).size(), 20U) << "no more than the batches in hand";
}

}  // namespace
}  // namespace moult::testing
