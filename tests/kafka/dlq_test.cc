// `moult dlq list` and `moult dlq replay` on a real broker (E13).
#include <fmt/format.h>
#include <chrono>

#include <csignal>
#include <random>
#include <set>
#include <utility>

#include "tests/kafka/group_fixture.h"
#include "tests/support/reader.h"

namespace moult::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Dlq : public OneGroup {
 protected:
  static constexpr int kPartitions = 2;

  void SetUp() override {
    make_topic(kPartitions);
    admin_.create_topic(dead_, kPartitions);
    write_config({handler("orders")});
  }

  HandlerSpec handler(const std::string& name) const {
    return {.name = name,
            .topics = {topic_},
            .options = {{"dead_letter", dead_}, {"retry", "{max_attempts: 1, backoff: 1ms}"}},
            .settings = {{"ledger", (scratch_ / "ledger").string()}}};
  }

  void write_config(std::vector<HandlerSpec> handlers, const std::string& bootstrap = {}) {
    DaemonSpec daemon = spec();
    if (!bootstrap.empty()) daemon.kafka["bootstrap.servers"] = bootstrap;
    daemon.consumers.at(0).handlers = std::move(handlers);
    write_file(config_, daemon.yaml());
  }

  /// As a daemon writes it. The record's own value is "N".
  NewRecord letter(int n, const std::string& handler = "orders", const std::string& error = "no") {
    return {.topic = dead_,
            .partition = n % kPartitions,
            .key = fmt::format("k{}", n),
            .value = std::to_string(n),
            .headers = {{"trace", std::to_string(n)},
                        {"moult-topic", topic_},
                        {"moult-partition", std::to_string(n % kPartitions)},
                        {"moult-offset", std::to_string(n)},
                        {"moult-handler", handler},
                        {"moult-group", group_},
                        {"moult-attempts", "4"},
                        {"moult-error-code", "7"},
                        {"moult-error", error}}};
  }

  void bury(int count) {
    for (int n = 0; n < count; ++n) producer_.send(letter(n));
    producer_.flush();
  }

  std::vector<std::string> command(const std::string& what,
                                   const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{"dlq", what, "-c", config_.string()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Finished list(const std::vector<std::string>& more = {}) const {
    return run_moult(command("list", more));
  }
  Finished replay(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"--handler", "orders"});
    return run_moult(command("replay", more));
  }

  void expect_replay(const std::vector<std::string>& more, const std::string& out) {
    const Finished done = replay(more);
    EXPECT_EQ(done.status, 0) << done.errors;
    EXPECT_EQ(done.out, out);
    EXPECT_EQ(done.errors, "");
  }

  // A replay has ended before the last of its records may be read: the broker marks the end of a
  // transaction in each partition after it has answered for it.

  bool wait_records(const TopicPartition& partition, std::size_t count) const {
    const auto read = [&] {
      return records_in(cluster_.bootstrap(), partition, {{"isolation.level", "read_committed"}});
    };
    return eventually([&] { return read().size() >= count; }, kLong, milliseconds(50));
  }

  void expect_put_back(const std::multiset<int>& expected) const {
    std::multiset<int> found;
    const auto all_there = [&] { return (found = numbers_put_back()).size() >= expected.size(); };
    EXPECT_TRUE(eventually(all_there, kLong, milliseconds(50)));
    EXPECT_EQ(found, expected);
  }

  /// What a reader of committed records finds in the topic of the records.
  std::vector<ReadRecord> put_back(std::int32_t partition) const {
    return records_in(cluster_.bootstrap(), {topic_, partition},
                      {{"isolation.level", "read_committed"}});
  }

  std::multiset<int> numbers_put_back() const {
    std::multiset<int> numbers;
    for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
      for (const ReadRecord& record : put_back(partition)) {
        numbers.insert(std::stoi(record.value.value()));
      }
    }
    return numbers;
  }

  static std::multiset<int> numbers(int count) {
    std::multiset<int> all;
    for (int n = 0; n < count; ++n) all.insert(n);
    return all;
  }

  const std::string dead_ = unique_name("dead");
  const std::filesystem::path config_ = scratch_ / "dlq.yaml";
};

// ---- replay -------------------------------------------------------------------------------------

TEST_F(Dlq, E13_ReplayPutsRecordsBackOnceAndSaysHowMany) {
  bury(1'201);
  expect_replay({}, "replayed 1201, passed over 0, left 0\n");
  expect_put_back(numbers(1'201));
  expect_replay({}, "replayed 0, passed over 0, left 0\n");
  producer_.send(letter(1'201));
  producer_.flush();
  expect_replay({}, "replayed 1, passed over 0, left 0\n");
  expect_put_back(numbers(1'202));
}

TEST_F(Dlq, E13_WhatADaemonBuriedIsHandledAfterItsReplay) {
  HandlerSpec failing = handler("orders");
  failing.settings["fail_offset"] = "3";
  failing.settings["fail_times"] = "0";
  DaemonSpec bad = spec();
  bad.consumers.at(0).handlers = {failing};
  send(20);
  const auto before = start(bad);
  ASSERT_TRUE(ledger_.wait_handled(18, kLong));  // offset 3 of both partitions is not
  stop_cleanly(*before);

  expect_replay({}, "replayed 2, passed over 0, left 0\n");

  DaemonSpec good = spec();
  good.consumers.at(0).handlers = {handler("orders")};
  const auto after = start(good);
  ASSERT_TRUE(ledger_.wait_handled(20, kLong));
  stop_cleanly(*after);
  std::set<std::int64_t> sequences;
  for (const Entry& entry : of_event(ledger_.read(), Event::kRecord)) {
    EXPECT_TRUE(sequences.insert(entry.sequence.value()).second) << *entry.sequence;
  }
  EXPECT_THAT(sequences, SizeIs(20));
}

TEST_F(Dlq, E13_ARecordComesBackAsItWas) {
  NewRecord whole = letter(1);
  whole.headers.insert(whole.headers.begin(), {"trace", "twice"});
  whole.headers.emplace_back("last", std::string("\0\xFF", 2));
  producer_.send(whole);
  NewRecord bare = letter(0);
  bare.key.reset();
  bare.tombstone = true;
  bare.headers.erase(bare.headers.begin());
  producer_.send(bare);
  producer_.flush();
  expect_replay({}, "replayed 2, passed over 0, left 0\n");
  for (int p = 0; p < kPartitions; ++p) ASSERT_TRUE(wait_records({topic_, p}, 1));
  const auto first = put_back(0);
  const auto second = put_back(1);
  ASSERT_THAT(first, SizeIs(1));
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(first[0].key, std::nullopt);
  EXPECT_EQ(first[0].value, std::nullopt);
  EXPECT_THAT(first[0].headers, IsEmpty());
  EXPECT_EQ(second[0].key, "k1");
  EXPECT_EQ(second[0].value, "1");
  const HeaderList as_were{{"trace", "twice"}, {"trace", "1"}, {"last", std::string("\0\xFF", 2)}};
  EXPECT_EQ(second[0].headers, as_were);
}

TEST_F(Dlq, E13_KilledAnywhereAndRunAgainItPutsEachBackOnce) {
  constexpr int kLetters = 60'000;
  constexpr int kKills = 8;
  bury(kLetters);
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::minstd_rand random(seed);
  std::vector<std::string> words{MOULT_BINARY};
  for (const auto& word : command("replay", {"--handler", "orders"})) words.push_back(word);
  int killed = 0;
  for (int i = 0; i < kKills; ++i) {
    const auto out = scratch_ / fmt::format("replay{}", i);
    Process process(words, {out, out});
    const auto status = process.wait_exit(milliseconds(300 + random() % 1'500));
    if (!status) {
      process.signal(SIGKILL);
      const auto ended = process.wait_exit(kLong);  // by itself, just before the signal came
      if (ended == 0) continue;
      EXPECT_EQ(ended, -SIGKILL);
      ++killed;
    }
  }
  EXPECT_GT(killed, 0);
  const Finished last = run_to_end(words, seconds(90));  // it may have nearly all to do
  EXPECT_EQ(last.status, 0) << last.errors;
  EXPECT_THAT(last.out, HasSubstr("left 0\n"));
  expect_put_back(numbers(kLetters));
  std::cout << fmt::format("killed {} of {} replays; the last one: {}", killed, kKills, last.out);
}

TEST_F(Dlq, E13_ADryRunChangesNothing) {
  bury(7);
  expect_replay({"--dry-run", "--limit", "5"},
                "would replay 5, passed over 0, left 2 (dry run: nothing was changed)\n");
  EXPECT_THAT(numbers_put_back(), IsEmpty());
  EXPECT_THAT(admin_.committed(group_ + ".dlq-replay.orders"), IsEmpty());
  expect_replay({}, "replayed 7, passed over 0, left 0\n");
}

TEST_F(Dlq, E13_WhatAFilterLeavesOutALaterReplayFinds) {
  for (int n = 0; n < 600; ++n) producer_.send(letter(n, "orders", n % 3 == 0 ? "late" : "bad"));
  producer_.flush();
  expect_replay({"--error", "ate"}, "replayed 200, passed over 0, left 400\n");
  expect_replay({"--error", "ate"}, "replayed 0, passed over 0, left 400\n");
  expect_replay({"--error", "7", "--limit", "100"}, "replayed 100, passed over 0, left 300\n");
  expect_replay({}, "replayed 300, passed over 0, left 0\n");
  expect_put_back(numbers(600));
}

TEST_F(Dlq, E13_APositionThatHoldsNoMoreGapsSaysSoAndLosesNothing) {
  constexpr int kLetters = 10'000;  // every other one of a partition: 2,500 runs in each
  for (int n = 0; n < kLetters; ++n) {
    producer_.send(letter(n, "orders", n / kPartitions % 2 == 0 ? "bad" : "late"));
  }
  producer_.flush();
  const Finished full = replay({"--error", "late"});
  EXPECT_EQ(full.status, 1);
  EXPECT_THAT(full.errors, HasSubstr("replay without --error and --limit first"));
  EXPECT_THAT(full.out, Not(StartsWith("replayed 0,")));
  const Finished rest = replay();
  EXPECT_EQ(rest.status, 0) << rest.errors;
  expect_put_back(numbers(kLetters));
}

TEST_F(Dlq, E13_HandlersThatShareATopicAreReplayedApart) {
  for (int n = 0; n < 10; ++n) producer_.send(letter(n, n < 4 ? "orders" : "bills"));
  producer_.flush();
  HandlerSpec bills = handler("bills");
  bills.topics = {unique_name("bills")};
  write_config({handler("orders"), bills});
  expect_replay({}, "replayed 4, passed over 6, left 0\n");
  expect_put_back(numbers(4));
  const Finished other = run_moult(command("replay", {"--handler", "bills"}));
  EXPECT_EQ(other.out, "replayed 6, passed over 4, left 0\n");
  expect_put_back(numbers(10));
}

TEST_F(Dlq, E13_ReplayGoesOnBesideLettersThatDieAgain) {
  // The dead-letter topic is also where its letters go: each replayed record is a new one in it.
  NewRecord circular = letter(0);
  circular.headers.at(1).second = dead_;
  for (int n = 0; n < 20; ++n) producer_.send(circular);
  producer_.flush();
  const Finished done = replay();
  EXPECT_EQ(done.out, "replayed 20, passed over 0, left 0\n");
  EXPECT_EQ(done.status, 0) << done.errors;
}

// ---- what goes wrong ----------------------------------------------------------------------------

TEST_F(Dlq, E13_ARecordWithoutOurHeadersIsPassedOverAloud) {
  bury(3);
  producer_.send({.topic = dead_, .partition = 0, .value = "foreign"});
  producer_.flush();
  const Finished done = replay();
  EXPECT_EQ(done.status, 1);
  EXPECT_EQ(done.out, "replayed 3, passed over 1, left 0\n");
  EXPECT_THAT(done.errors, HasSubstr(dead_ + "[0]@2: no dead letter of Moult"));
  expect_put_back(numbers(3));
}

TEST_F(Dlq, E13_LettersWhoseTopicIsGoneAreLeftAndGoBackWhenItIsThereAgain) {
  const std::string gone = unique_name("gone");
  for (int n = 0; n < 8; ++n) {
    NewRecord each = letter(n);
    // In the middle of one partition, and at the end of the other.
    if (n == 2 || n == 7) each.headers.at(1).second = gone;
    producer_.send(each);
  }
  producer_.flush();
  const std::multiset<int> others{0, 1, 3, 4, 5, 6};
  const std::string why = fmt::format("topic '{}' does not exist", gone);
  for (const auto* out :
       {"replayed 6, passed over 0, left 2\n", "replayed 0, passed over 0, left 2\n"}) {
    const Finished done = replay();
    EXPECT_EQ(done.status, 1);
    EXPECT_THAT(done.errors, AllOf(HasSubstr("left 2 letters"), HasSubstr(why)));
    EXPECT_EQ(done.out, out);
    expect_put_back(others);
  }
  admin_.create_topic(gone, kPartitions);
  expect_replay({}, "replayed 2, passed over 0, left 0\n");
  expect_put_back(others);
  ASSERT_TRUE(wait_records({gone, 0}, 1));
  const auto home =
      records_in(cluster_.bootstrap(), {gone, 0}, {{"isolation.level", "read_committed"}});
  ASSERT_THAT(home, SizeIs(1));
  EXPECT_EQ(home[0].value, "2");
  expect_replay({}, "replayed 0, passed over 0, left 0\n");
}

TEST_F(Dlq, E13_AUsersTimesAreNoneOfTheReplays) {
  bury(3);
  DaemonSpec daemon = spec();
  daemon.kafka["socket.timeout.ms"] = "60000";
  daemon.kafka["delivery.timeout.ms"] = "300000";
  daemon.consumers.at(0).handlers = {handler("orders")};
  write_file(config_, daemon.yaml());
  expect_replay({}, "replayed 3, passed over 0, left 0\n");
}

TEST_F(Dlq, E13_ATopicThatIsMissingOrABrokerThatIsDownIsSaid) {
  HandlerSpec elsewhere = handler("orders");
  elsewhere.options["dead_letter"] = unique_name("nowhere");
  write_config({elsewhere});
  const Finished missing = replay();
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.errors, HasSubstr("does not exist"));
  EXPECT_EQ(missing.out, "");
  // Nothing has died there yet; the other handlers' letters are shown all the same.
  bury(1);
  HandlerSpec first = elsewhere;
  first.name = "first";
  first.topics = {unique_name("first")};
  write_config({first, handler("orders")});
  const Finished listed = list();
  EXPECT_EQ(listed.status, 0) << listed.errors;
  EXPECT_THAT(listed.out, HasSubstr("which does not exist yet)\norders: 1 waiting"));
  EXPECT_THAT(list({"--json"}).out, HasSubstr(R"("count":0,"at_most":false,"topic_exists":false)"));
  write_config({handler("orders")}, "127.0.0.1:1");
  for (const Finished& done : {replay(), list()}) {  // run_moult() bounds them
    EXPECT_EQ(done.status, 1);
    EXPECT_THAT(done.errors, HasSubstr("no broker answers"));
    EXPECT_THAT(done.errors, HasSubstr("refused"));
    EXPECT_EQ(done.out, "");
  }
}

TEST_F(Dlq, E13_AHandlerThatIsNotThereIsSaid) {
  EXPECT_THAT(list({"--handler", "order"}).errors, HasSubstr("did you mean 'orders'?"));
  EXPECT_EQ(list({"--handler", "order"}).status, 1);
  HandlerSpec skipping = handler("orders");
  skipping.options["dead_letter"] = "skip";
  write_config({skipping});
  EXPECT_THAT(replay().errors, HasSubstr("has no dead-letter topic"));
  write_file(config_, "consumers: 1\n");
  EXPECT_EQ(replay().status, 78);
  EXPECT_EQ(list().status, 78);
}

// ---- list ---------------------------------------------------------------------------------------

/// Records carry milliseconds: of two in one, none is the newer.
void wait_for_next_millisecond() {
  const auto now = [] {
    return std::chrono::floor<milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  };
  const auto before = now();
  while (now() == before) {
  }
}

TEST_F(Dlq, E13_ListShowsTheNewestFirst) {
  for (int n = 0; n < 2'000; ++n) {
    producer_.send(letter(n, "orders", n < 3 ? "old \x1b[1m" : "new"));
    producer_.flush();
    if (n >= 1'990) wait_for_next_millisecond();  // those listed: each newer than the one before
  }
  const std::string all = list({"-n", "3"}).out;
  const auto at = [&](const std::string& text) { return all.find(text); };
  EXPECT_LT(at("@1999  "), at("@1998  "));
  EXPECT_LT(at("@1998  "), at("@1997  "));
  EXPECT_THAT(all, Not(HasSubstr("@1996  ")));
  EXPECT_THAT(all, HasSubstr("orders  " + topic_ +
                             "[1]@1999  attempts 4  error 7 \"new\"  key \"k1999\"\n"));
  EXPECT_THAT(all, HasSubstr("orders: 2000 waiting to be replayed (" + dead_ + ")\n"));

  const std::string old = list({"--error", "old"}).out;
  EXPECT_THAT(old, HasSubstr("@2  attempts 4  error 7 \"old \\u001b[1m\"  key \"k2\"\n"));
  EXPECT_THAT(old, HasSubstr("@0  "));
  EXPECT_THAT(old, Not(HasSubstr("@3  ")));
}

TEST_F(Dlq, E13_ListKnowsWhatIsReplayed) {
  bury(10);
  expect_replay({"--limit", "4"}, "replayed 4, passed over 0, left 6\n");
  Finished listed;
  const auto knows = [&] {
    listed = list({"--json"});
    return listed.out.find(R"("count":6,"at_most":false)") != listed.out.npos;
  };
  EXPECT_TRUE(eventually(knows, kLong, milliseconds(50))) << listed.out;
  EXPECT_EQ(listed.status, 0) << listed.errors;
  std::size_t replayed = 0;
  const std::string mark = R"("replayed":true)";
  for (auto at = listed.out.find(mark); at != listed.out.npos; at = listed.out.find(mark, at + 1)) {
    ++replayed;
  }
  EXPECT_EQ(replayed, 4);
  EXPECT_THAT(admin_.describe(group_).members, IsEmpty());
}

}  // namespace
}  // namespace moult::testing
