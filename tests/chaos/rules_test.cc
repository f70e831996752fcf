// The rules of the rounds, on histories made up to break them.
#include "tests/chaos/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moult::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kSecond = 1'000'000'000;
const TopicPartition kPlace{"t", 0};

Entry handled(Offset offset, pid_t pid, std::int64_t at_s) {
  Entry entry;
  entry.event = Event::kRecord;
  entry.lane.pid = pid;
  entry.lane.partition = kPlace;
  entry.offset = offset;
  entry.start_ns = entry.end_ns = at_s * kSecond;
  return entry;
}

Entry batch(Event event, pid_t pid, std::uint64_t epoch, std::int64_t from_s, std::int64_t to_s) {
  Entry entry = handled(0, pid, from_s);
  entry.event = event;
  entry.lane.epoch = epoch;
  entry.end_ns = to_s * kSecond;
  return entry;
}

Happening fault(Excuse excuse, pid_t pid, std::int64_t begin_s, std::int64_t end_s) {
  return {"fault", excuse, pid, begin_s * kSecond, end_s * kSecond};
}

TEST(ChaosRules, ACommitMayNotComeBeforeItsRecords) {
  const Produced produced = {{{kPlace, 0}, 0}, {{kPlace, 1}, 1}};
  const Entries entries = {handled(0, 1, 10), handled(1, 1, 20)};
  const auto commit = [](std::int64_t at_s, Offset offset) {
    return std::vector<Commits>{{at_s * kSecond, {{kPlace, offset}}}};
  };
  EXPECT_THAT(committed_before_handled(commit(15, 1), produced, entries), IsEmpty());
  EXPECT_THAT(committed_before_handled(commit(25, 2), produced, entries), IsEmpty());
  EXPECT_THAT(committed_before_handled(commit(15, 2), produced, entries), SizeIs(1));
  EXPECT_THAT(committed_before_handled(commit(99, 2), produced, {handled(0, 1, 10)}), SizeIs(1));
}

TEST(ChaosRules, ARepeatNeedsAFaultBetweenTheTwoTimes) {
  const Entries entries = {handled(0, 1, 100), handled(0, 2, 110)};
  EXPECT_THAT(unexplained_repeats(entries, {}), SizeIs(1));
  EXPECT_THAT(unexplained_repeats(entries, {fault(Excuse::kEveryone, 0, 101, 102)}), IsEmpty());
  EXPECT_THAT(unexplained_repeats(entries, {fault(Excuse::kEveryone, 0, 111, 112)}), SizeIs(1));
  EXPECT_THAT(unexplained_repeats(entries, {fault(Excuse::kEveryone, 0, 1, 2)}), SizeIs(1));
  EXPECT_THAT(unexplained_repeats(entries, {fault(Excuse::kNothing, 0, 101, 102)}), SizeIs(1));
}

TEST(ChaosRules, TheEndOfAProcessExcusesItsOwnRecordsAlone) {
  const Entries entries = {handled(0, 1, 100), handled(0, 2, 110)};
  EXPECT_THAT(unexplained_repeats(entries, {fault(Excuse::kOneProcess, 1, 101, 102)}), IsEmpty());
  EXPECT_THAT(unexplained_repeats(entries, {fault(Excuse::kOneProcess, 2, 101, 102)}), SizeIs(1));
}

TEST(ChaosRules, AStoppedProcessIsExcusedForWhatItGoesOnWithForAMoment) {
  const Happening stopped = fault(Excuse::kOneProcess, 1, 100, 108);
  // Its batch is written late: the ledger has the other's before it.
  EXPECT_THAT(unexplained_repeats({handled(0, 2, 107), handled(0, 1, 99)}, {stopped}), IsEmpty());
  EXPECT_THAT(unexplained_repeats({handled(0, 2, 107), handled(0, 1, 109)}, {stopped}), IsEmpty());
  EXPECT_THAT(unexplained_repeats({handled(0, 2, 107), handled(0, 1, 120)}, {stopped}), SizeIs(1));
}

TEST(ChaosRules, BatchesMayOverlapInTwoProcessesButNotInOne) {
  const auto overlap = [](pid_t first, pid_t second) {
    return Entries{batch(Event::kBegin, first, 1, 10, 10), batch(Event::kBegin, second, 2, 11, 11),
                   batch(Event::kEnd, second, 2, 11, 12), batch(Event::kEnd, first, 1, 10, 13)};
  };
  EXPECT_THAT(violations_in_chaos({}, overlap(1, 2), {}, false), IsEmpty());
  EXPECT_THAT(violations_in_chaos({}, overlap(1, 1), {}, false), SizeIs(1));
}

}  // namespace
}  // namespace moult::testing
