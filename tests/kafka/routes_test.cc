// `where`: which records a handler sees.
#include <fmt/format.h>

#include <set>
#include <string>

#include "tests/kafka/dead_letter_fixture.h"

namespace moult::testing {
namespace {

class Routes : public DeadLetters {
 protected:
  static constexpr const char* kWhere = R"('/event == "order.created" and not /test exists')";

  DaemonSpec routed() const {
    DaemonSpec daemon = giving_up({});
    handler(daemon).options["where"] = kWhere;
    return daemon;
  }

  /// Eight kinds by turns; what the handler is to see, and what is no JSON, by offset.
  void send_mixed(int count) {
    for (int i = 0; i < count; ++i) {
      NewRecord record{.topic = topic_, .partition = 0, .key = fmt::format("k{}", i % 5)};
      switch (i % 8) {
        case 0:
          record.tombstone = true;  // says that its key is gone, whatever the event
          seen_.insert(i);
          break;
        case 1:
          record.value = fmt::format(R"({{"event":"order.created","seq":{}}})", i);
          seen_.insert(i);
          break;
        case 2:
          record.value = fmt::format(R"({{"event":"order.updated","seq":{}}})", i);
          break;
        case 3:
          record.value = fmt::format(R"({{"event":"order.created","test":null,"seq":{}}})", i);
          break;
        case 4:
          record.value = R"({"event":"order.cre)";
          broken_.insert(i);
          break;
        case 5:
          record.value = "";
          broken_.insert(i);
          break;
        case 6:
          record.value = R"({"nested":{"event":"order.created"}})";
          break;
        default:
          record.value = R"(["order.created"])";
          break;
      }
      producer_.send(record);
    }
    producer_.flush();
  }

  void expect_routed() {
    const std::vector<Offset> got = handled(0);
    EXPECT_EQ(std::set<Offset>(got.begin(), got.end()), seen_);
    expect_no_duplicates();
    EXPECT_EQ(dead_ids(), ids(0, broken_));
    EXPECT_THAT(dead_letters(), SizeIs(broken_.size()));
    for (const ReadRecord& record : dead_letters()) {
      EXPECT_EQ(record.header("moult-attempts"), "0");
      EXPECT_EQ(record.header("moult-error"), "the payload is not JSON");
    }
    EXPECT_EQ(ledger_.count(Event::kFailed), 0U);
    EXPECT_EQ(admin_.committed(group_), admin_.end_offsets(topic_));
  }

  std::set<Offset> seen_;
  std::set<Offset> broken_;
};

TEST_F(Routes, OthersAreFinishedUnseenAndWhatIsNotJsonIsADeadLetter) {
  make_topics(1);
  send_mixed(407);  // the last ones are not for the handler
  const auto daemon = start(routed());
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  expect_routed();
  EXPECT_THAT(out_of_order(ledger_.read()), IsEmpty());
}

TEST_F(Routes, TheSameWithKeysInOrder) {
  make_topics(1);
  send_mixed(407);
  DaemonSpec by_key = routed();
  handler(by_key).options["ordering"] = "key";
  const auto daemon = start(by_key);
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  expect_routed();
  EXPECT_THAT(keys_out_of_order(ledger_.read()), IsEmpty());
}

TEST_F(Routes, ARecordThatFailsBetweenOthersComesAgainAlone) {
  make_topics(1);
  send_mixed(40);
  DaemonSpec failing = routed();
  handler(failing).settings["fail_offset"] = "17";
  const auto daemon = start(failing);
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  const Entries failed = of_event(ledger_.read(), Event::kFailed);
  ASSERT_THAT(failed, SizeIs(1));
  EXPECT_EQ(failed[0].offset, 17);
  const std::vector<Offset> got = handled(0);
  EXPECT_EQ(std::set<Offset>(got.begin(), got.end()), seen_);
  expect_no_duplicates();
  EXPECT_EQ(dead_ids(), ids(0, broken_));
}

TEST_F(Routes, WithoutAPlaceToGoWhatIsNotJsonHoldsItsLane) {
  make_topics(1);
  send_mixed(40);
  DaemonSpec holding = spec();
  handler(holding).options["where"] = kWhere;
  handler(holding).options["retry"] = "{backoff: 20ms, backoff_max: 50ms}";
  const auto daemon = start(holding);
  ASSERT_TRUE(daemon->wait_log("the payload is not JSON", kLong, 3));
  ASSERT_TRUE(wait_committed({{{topic_, 0}, 4}}));
  stop_cleanly(*daemon);
  EXPECT_EQ(admin_.committed(group_), (OffsetsByPartition{{{topic_, 0}, 4}}));
}

}  // namespace
}  // namespace moult::testing
