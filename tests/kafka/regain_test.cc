// Partitions that went away, orderly or not, and what is left of that when they are back.
#include <algorithm>
#include <csignal>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

class Regain : public Group {
 protected:
  DaemonSpec failing() const {
    DaemonSpec daemon = spec({{"fail_offset", "0"},
                              {"fail_times", "0"},
                              {"fail_until", (scratch_ / "healed").string()}});
    handler(daemon).options["retry"] = "{backoff: 100ms, backoff_max: 8s}";
    return daemon;
  }
  void heal() { write_file(scratch_ / "healed", ""); }

  /// The failures of a partition in one process, by epoch.
  std::map<Epoch, Entries> failures(pid_t pid, std::int32_t partition) {
    std::map<Epoch, Entries> found;
    for (const Entry& entry : of_event(of_pid(ledger_.read(), pid), Event::kFailed)) {
      if (entry.partition().partition == partition) found[entry.lane.epoch].push_back(entry);
    }
    return found;
  }

  int last_attempt(pid_t pid, std::int32_t partition) {
    const auto found = failures(pid, partition);
    return found.empty() ? 0 : found.rbegin()->second.back().attempt;
  }

  /// The partition that another process has worked on.
  std::int32_t moved_to(const Daemon& visitor) {
    return of_event(of_pid(ledger_.read(), visitor.pid()), Event::kBegin)
        .front()
        .partition()
        .partition;
  }

  bool wait_begun(const Daemon& daemon) {
    return ledger_.wait(
        [&](const Entries& entries) {
          return !of_event(of_pid(entries, daemon.pid()), Event::kBegin).empty();
        },
        kLong);
  }
};
MOULT_FOR_EACH_PROTOCOL(Regain);

TEST_P(Regain, R6_AttemptsAndBackoffStartAnew) {
  // The wait behind the seventh is 3.2 s at least, that behind the first 0.1 s at most.
  constexpr int kAttempts = 7;
  make_topic(2);
  send(20);
  const auto first = start(failing());
  ASSERT_TRUE(eventually(
      [&] {
        return last_attempt(first->pid(), 0) >= kAttempts &&
               last_attempt(first->pid(), 1) >= kAttempts;
      },
      kLong));
  const auto visitor = start(failing());
  ASSERT_TRUE(wait_begun(*visitor));
  const std::int32_t moved = moved_to(*visitor);
  const std::size_t epochs = failures(first->pid(), moved).size();
  stop_cleanly(*visitor);
  ASSERT_TRUE(eventually(
      [&] {
        const auto by_epoch = failures(first->pid(), moved);
        return by_epoch.size() > epochs && by_epoch.rbegin()->second.size() >= 2;
      },
      kLong));
  const Entries anew = failures(first->pid(), moved).rbegin()->second;
  EXPECT_EQ(anew[0].attempt, 1);
  EXPECT_EQ(anew[1].attempt, 2);
  EXPECT_LT(Duration(anew[1].start_ns - anew[0].end_ns), seconds(3));
  heal();
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*first);
  expect_complete();
  expect_no_duplicates();
}

// What the runtime holds back of a partition is forgotten when that goes.
TEST_P(Regain, R6_AStoppedLaneIsNoMoreAfterRegain) {
  make_topic(2);
  send(20);
  DaemonSpec stops = failing();
  handler(stops).settings["fail_as"] = "stop";
  const auto first = start(stops);
  ASSERT_TRUE(first->wait_log("lane stopped", kLong, 2));
  DaemonSpec healthy = spec();
  const auto visitor = start(healthy);
  ASSERT_TRUE(wait_works(*visitor));
  const std::int32_t moved = moved_to(*visitor);
  heal();
  stop_cleanly(*visitor);
  ASSERT_TRUE(wait_stable(1));
  send(20);
  const auto regained = [&](const Entries& entries) {
    return std::ranges::any_of(of_event(of_pid(entries, first->pid()), Event::kRecord),
                               [&](const Entry& entry) {
                                 return entry.partition().partition == moved && entry.offset >= 10;
                               });
  };
  ASSERT_TRUE(ledger_.wait(regained, kLong));
  stop_cleanly(*first);
  expect_no_duplicates();
}

class Lost : public Regain {};
MOULT_FOR_EACH_PROTOCOL(Lost);

std::set<RecordId> records_of(const Entry& batch) {
  std::set<RecordId> ids;
  for (Offset offset = batch.offset; offset <= std::stoll(batch.detail); ++offset) {
    ids.insert({batch.partition(), offset});
  }
  return ids;
}

Entries of_lane(const Entries& entries, const LaneKey& lane) {
  return only(entries, [&](const Entry& entry) {
    return entry.event == Event::kBegin && entry.lane == lane;
  });
}

TEST_P(Lost, R7_AProcessThatSleptThroughItsSessionNeitherCommitsNorGoesOn) {
  make_topic(2);
  DaemonSpec slow = spec({{"sleep_ms_per_batch", "1000"}});
  handler(slow).options["batch"] = "{max_records: 10, linger: 300ms}";
  const auto sleeper = start(slow);
  const auto other = start(slow);
  ASSERT_TRUE(wait_stable(2));
  send(40);
  ASSERT_TRUE(wait_begun(*sleeper));
  sleeper->signal(SIGSTOP);
  const Entries begun = of_event(of_pid(ledger_.read(), sleeper->pid()), Event::kBegin);
  ASSERT_THAT(begun, SizeIs(1));
  ASSERT_THAT(of_event(of_pid(ledger_.read(), sleeper->pid()), Event::kEnd), IsEmpty());
  ASSERT_TRUE(ledger_.wait_handled(40, kLong));
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  const OffsetsByPartition committed = admin_.committed(group_);
  sleeper->signal(SIGCONT);
  ASSERT_TRUE(ledger_.wait(
      [&](const Entries& entries) {
        return !of_event(of_pid(entries, sleeper->pid()), Event::kEnd).empty();
      },
      kLong));
  // Longer than the commit interval.
  EXPECT_TRUE(always([&] { return admin_.committed(group_) == committed; }, milliseconds(600)));
  ASSERT_TRUE(wait_stable(2));
  ASSERT_TRUE(sleeper->wait_log("partitions lost", kLong));
  send(40);
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  stop_cleanly(*sleeper);
  stop_cleanly(*other);
  // The batch in its hands was handled twice, and at most one more of the queue behind it: awake
  // again, the worker is done at once and goes on until librdkafka has looked at its clock (or, by
  // the `consumer` protocol, until the coordinator has told it).
  std::set<RecordId> expected = records_of(begun.front());
  const Entries late = of_lane(ledger_.read(), begun.front().lane);
  ASSERT_LE(late.size(), 2U);
  expected.merge(records_of(late.back()));
  EXPECT_EQ(duplicated(ledger_.read()), expected);
  EXPECT_THAT(missing(producer_.produced(), ledger_.read()), IsEmpty());
  EXPECT_EQ(admin_.lag(group_, {topic_}), 0);
}

}  // namespace
}  // namespace moult::testing
