// `ordering: key` and `none`: a partition is many lanes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

using Instances = std::set<std::uint64_t>;

Instances instances(const Entries& entries) {
  Instances all;
  for (const Entry& entry : of_event(entries, Event::kRecord)) all.insert(entry.instance);
  return all;
}

/// Whether different instances handled records at the same time.
bool in_parallel(const Entries& entries) {
  Entries records = of_event(entries, Event::kRecord);
  std::ranges::sort(records, {}, &Entry::start_ns);
  const auto next_overlaps = [](const Entry& one, const Entry& next) {
    return one.instance != next.instance && next.start_ns < one.end_ns;
  };
  return std::ranges::adjacent_find(records, next_overlaps) != records.end();
}

class Spread : public OneGroup {
 protected:
  DaemonSpec spread(const std::string& ordering, const Properties& settings = {}) const {
    DaemonSpec daemon = spec(settings);
    auto& options = handler(daemon).options;
    options["ordering"] = ordering;
    options["workers"] = "8";
    options["batch"] = "{max_records: 10}";
    options["retry"] = "{backoff: 20ms, backoff_max: 50ms}";
    return daemon;
  }

  void send_keys(int partitions, int keys, int count) {
    for (int i = 0; i < count; ++i) {
      producer_.send({.topic = topic_,
                      .partition = i % partitions,
                      .key = fmt::format("key{}", i / partitions % keys)});
    }
    producer_.flush();
  }

  std::string heal_file() const { return (scratch_ / "healed").string(); }
  void heal() const { write_file(heal_file(), ""); }

  bool wait_committed(const OffsetsByPartition& committed) {
    return eventually([&] { return admin_.committed(group_) == committed; }, kLong);
  }

  void finish(Daemon& daemon) {
    ASSERT_TRUE(wait_all_handled());
    ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
    stop_cleanly(daemon);
    EXPECT_EQ(admin_.committed(group_), admin_.end_offsets(topic_));
    EXPECT_THAT(unpaired(by_slot(ledger_.read()), ended_), IsEmpty());
    expect_no_duplicates();
  }

  void expect_ordered_by_key(const Entries& entries) {
    EXPECT_THAT(violations_by_key(producer_.produced(), entries, admin_.committed(group_)),
                IsEmpty());
  }
};

TEST_F(Spread, O2_AFailingKeyHoldsBackOnlyItself) {
  make_topic(1);
  send_keys(1, 20, 1'000);
  DaemonSpec failing = spread("key", {{"fail_key", "key3"},
                                      {"fail_times", "0"},
                                      {"fail_until", heal_file()},
                                      {"sleep_us_per_record", "200"}});
  handler(failing).options["max_slots"] = "1024";  // so that each key has its own
  const auto daemon = start(failing);
  ASSERT_TRUE(ledger_.wait_handled(950, kLong)) << "all other keys";
  ASSERT_TRUE(ledger_.wait_count(Event::kFailed, 5, kLong));
  ASSERT_TRUE(wait_committed({{{topic_, 0}, 3}}));
  EXPECT_THAT(of_key(of_event(ledger_.read(), Event::kRecord), "key3"), IsEmpty());
  for (const Entry& entry : of_event(ledger_.read(), Event::kFailed)) ASSERT_EQ(entry.offset, 3);
  heal();
  finish(*daemon);
  expect_ordered_by_key(ledger_.read());
  EXPECT_TRUE(in_parallel(ledger_.read()));
}

TEST_F(Spread, O2_AFailingKeysRecordsComeAgainAfterAKill) {
  make_topic(1);
  send_keys(1, 20, 400);
  DaemonSpec failing = spread("key", {{"fail_key", "key3"}, {"fail_times", "0"}});
  handler(failing).options["max_slots"] = "1024";
  const auto victim = start(failing);
  ASSERT_TRUE(ledger_.wait_handled(380, kLong));
  ASSERT_TRUE(wait_committed({{{topic_, 0}, 3}}));
  victim->signal(SIGKILL);
  ASSERT_EQ(victim->wait_exit(kLong), -SIGKILL);
  const auto heir = start(spread("key"));
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  stop_cleanly(*heir);
  expect_ordered_by_key(of_pid(ledger_.read(), heir->pid()).empty() ? Entries{} : ledger_.read());
  EXPECT_EQ(admin_.lag(group_, {topic_}), 0);
}

TEST_F(Spread, O2_AStopWithAFailingKeyCommitsNothingPastIt) {
  make_topic(1);
  send_keys(1, 20, 400);
  DaemonSpec failing = spread("key", {{"fail_key", "key3"}, {"fail_times", "0"}});
  handler(failing).options["max_slots"] = "1024";
  const auto first = start(failing);
  ASSERT_TRUE(ledger_.wait_handled(380, kLong));
  stop_cleanly(*first);
  EXPECT_EQ(admin_.committed(group_), (OffsetsByPartition{{{topic_, 0}, 3}}));
}

TEST_F(Spread, O2_ADeadLetterOfOneKeyLetsTheWatermarkPass) {
  const std::string dead = topic_ + "-dead";
  make_topic(1);
  admin_.create_topic(dead, 1);
  send_keys(1, 20, 400);
  DaemonSpec failing = spread("key", {{"fail_offset", "23"}, {"fail_times", "0"}});
  handler(failing).options["dead_letter"] = dead;
  handler(failing).options["retry"] = "{max_attempts: 2, backoff: 200ms}";
  const auto daemon = start(failing);
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  stop_cleanly(*daemon);
  EXPECT_THAT(violations_by_key(produced_without({{{topic_, 0}, 23}}), ledger_.read(),
                                admin_.committed(group_)),
              IsEmpty());
  expect_no_duplicates();
  EXPECT_EQ(admin_.end_offsets(dead), (OffsetsByPartition{{{dead, 0}, 1}}));
}

TEST_F(Spread, O2_ManyKeysOfManyPartitionsStayInOrder) {
  make_topic(4);
  DaemonSpec busy = spread("key", {{"fail_offset", "100"}, {"sleep_us_per_record", "20"}});
  handler(busy).options["max_slots"] = "16";
  const auto daemon = start(busy);
  send_keys(4, 300, 20'000);
  finish(*daemon);
  expect_ordered_by_key(ledger_.read());
  EXPECT_EQ(ledger_.count(Event::kFailed), 4U);
  EXPECT_TRUE(in_parallel(ledger_.read()));
  EXPECT_THAT(instances(ledger_.read()), SizeIs(4 * 16));
}

TEST_F(Spread, O2_RecordsWithoutAKeySpread) {
  make_topic(1);
  send(400);
  DaemonSpec keyless = spread("key", {{"sleep_us_per_record", "2000"}});
  handler(keyless).options["max_slots"] = "8";
  const auto daemon = start(keyless);
  finish(*daemon);
  EXPECT_THAT(instances(ledger_.read()), SizeIs(8));
  std::map<std::uint64_t, int> counts;
  for (const Entry& entry : of_event(ledger_.read(), Event::kRecord)) ++counts[entry.instance];
  for (const auto& [instance, count] : counts) EXPECT_EQ(count, 50) << instance;
  EXPECT_TRUE(in_parallel(ledger_.read()));
}

TEST_F(Spread, O2_TheKeyMayComeFromThePayload) {
  constexpr int kUsers = 10;
  const auto user_of = [](const Entry& entry) { return fmt::format("u{}", entry.offset % kUsers); };
  make_topic(1);
  for (int i = 0; i < 1'000; ++i) {
    // The record's own key would tear a user's records apart.
    producer_.send({.topic = topic_,
                    .partition = 0,
                    .key = fmt::format("k{}", i % 7),
                    .value = fmt::format(R"({{"user":"u{}","seq":{}}})", i % kUsers, i)});
  }
  producer_.flush();
  DaemonSpec by_user = spread("key", {{"sleep_us_per_record", "50"}});
  handler(by_user).options["key"] = "/user";
  const auto daemon = start(by_user);
  finish(*daemon);
  Entries entries = ledger_.read();
  std::map<std::string, Instances> of_user;
  for (Entry& entry : entries) {
    if (entry.event != Event::kRecord) continue;
    entry.key = user_of(entry);
    of_user[*entry.key].insert(entry.instance);
  }
  for (const auto& [user, its] : of_user) EXPECT_THAT(its, SizeIs(1)) << user;
  EXPECT_GT(instances(entries).size(), 3U);
  expect_ordered_by_key(entries);
}

TEST_F(Spread, O3_WithoutOrderRecordsOfOneKeyRunSideBySide) {
  make_topic(1);
  send_keys(1, 1, 400);
  DaemonSpec unordered = spread("none", {{"fail_offset", "5"},
                                         {"fail_times", "0"},
                                         {"fail_until", heal_file()},
                                         {"sleep_us_per_record", "2000"}});
  handler(unordered).options["max_slots"] = "8";
  const auto daemon = start(unordered);
  ASSERT_TRUE(ledger_.wait_handled(350, kLong)) << "all but the slot of the failing record";
  ASSERT_TRUE(wait_committed({{{topic_, 0}, 5}}));
  heal();
  finish(*daemon);
  EXPECT_THAT(violations_unordered(producer_.produced(), ledger_.read(), admin_.committed(group_)),
              IsEmpty());
  EXPECT_THAT(keys_overlapping(ledger_.read()), ::testing::Not(IsEmpty()));
}

// ---- Members come and go ------------------------------------------------------------------------

class SpreadRebalance : public Group {
 protected:
  DaemonSpec by_key() const {
    DaemonSpec daemon = spec({{"sleep_us_per_record", "300"}});
    auto& options = handler(daemon).options;
    options["ordering"] = "key";
    options["max_slots"] = "16";
    options["batch"] = "{max_records: 20}";
    return daemon;
  }

  void send_keys(int count) {
    for (int i = 0; i < count; ++i) {
      producer_.send({.topic = topic_,
                      .partition = i % partitions_,
                      .key = fmt::format("key{}", i / partitions_ % 50)});
    }
    producer_.flush();
  }
};
MOULT_FOR_EACH_PROTOCOL(SpreadRebalance);

TEST_P(SpreadRebalance, R2_ARollingRestartWithKeysDuplicatesNothing) {
  make_topic(4);
  std::array<std::unique_ptr<Daemon>, 2> members{start(by_key()), start(by_key())};
  ASSERT_TRUE(wait_stable(2));
  for (auto& member : members) {
    send_keys(4'000);
    stop_cleanly(*member);
    send_keys(4'000);
    member = start(by_key());
    ASSERT_TRUE(send_until_works(*member));
  }
  ASSERT_TRUE(wait_all_handled());
  for (auto& member : members) stop_cleanly(*member);
  EXPECT_THAT(violations_by_key(producer_.produced(), ledger_.read(), admin_.committed(group_)),
              IsEmpty());
  EXPECT_THAT(unpaired(by_slot(ledger_.read()), ended_), IsEmpty());
  EXPECT_EQ(admin_.lag(group_, {topic_}), 0);
  expect_no_duplicates();
}

}  // namespace
}  // namespace moult::testing
