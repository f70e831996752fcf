// Topics and records that go away under a consumer.
#include <algorithm>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

class Gone : public Group {
 protected:
  using Group::Group;

  /// The topic goes, and is there again under its name with other records.
  void replace_topic(int records) {
    ASSERT_TRUE(admin_.remake_topic(topic_, partitions_, kLong));
    ASSERT_TRUE(eventually([&] { return is_new(); }, kLong, milliseconds(50)));
    old_.insert(producer_.produced().begin(), producer_.produced().end());
    anew_ = std::make_unique<Producer>(cluster_.bootstrap());
    anew_->send_sequence(topic_, partitions_, records);
  }

  /// The records of the new topic, by their sequence numbers' place: offsets are the old ones'.
  bool wait_new_handled() {
    return ledger_.wait(
        [&](const Entries& entries) {
          std::map<RecordId, std::size_t> times;
          for (const Entry& entry : of_event(entries, Event::kRecord)) ++times[entry.id()];
          return std::ranges::all_of(anew_->produced(), [&](const auto& record) {
            return times[record.first] >= 1 + old_.count(record.first);
          });
        },
        kLong);
  }

  /// 100 records.
  void handle_and_commit() {
    send(100);
    ASSERT_TRUE(wait_all_handled());
    ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  }

  void expect_new_whole(Daemon& daemon) {
    ASSERT_TRUE(wait_new_handled());
    EXPECT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
    EXPECT_EQ(admin_.committed(group_), admin_.end_offsets(topic_));
    stop_cleanly(daemon);
  }

  void expect_replaced_whole(Daemon& daemon, int records) {
    ASSERT_NO_FATAL_FAILURE(handle_and_commit());
    ASSERT_NO_FATAL_FAILURE(replace_topic(records));
    expect_new_whole(daemon);
  }

  std::unique_ptr<Producer> anew_;
  Produced old_;

 private:
  /// Brokers may tell of the old one for a while.
  bool is_new() {
    try {
      return std::ranges::all_of(admin_.end_offsets(topic_),
                                 [](const auto& end) { return end.second == 0; });
    } catch (const std::runtime_error&) {
      return false;
    }
  }
};

MOULT_FOR_EACH_PROTOCOL(Gone);

TEST_P(Gone, N6_ADeletedTopicIsSaidAndWhatItIsReplacedByIsHandledWhole) {
  make_topic(2);
  const auto daemon = start(spec());
  ASSERT_NO_FATAL_FAILURE(handle_and_commit());
  admin_.delete_topic(topic_);
  // Where the broker divides the partitions it does not tell whether a name is of any topic.
  if (GetParam() != Protocol::kConsumer) {
    ASSERT_TRUE(daemon->wait_log("topic is missing: it is consumed once it exists", kLong));
  }
  ASSERT_TRUE(daemon->wait_log("partition released", kLong, 2));
  EXPECT_TRUE(daemon->running());
  old_.insert(producer_.produced().begin(), producer_.produced().end());
  admin_.create_topic(topic_, partitions_);
  anew_ = std::make_unique<Producer>(cluster_.bootstrap());
  anew_->send_sequence(topic_, partitions_, 160);
  expect_new_whole(*daemon);
}

// Fewer records than before, and more: an offset that exists in both is no longer the same record.
TEST_P(Gone, N6_ATopicReplacedAtOnceByAShorterOneIsHandledWhole) {
  make_topic(2);
  const auto daemon = start(spec());
  expect_replaced_whole(*daemon, 40);
}

TEST_P(Gone, N6_ATopicReplacedAtOnceByALongerOneIsHandledWhole) {
  make_topic(2);
  const auto daemon = start(spec());
  expect_replaced_whole(*daemon, 300);
}

// Its new log is longer than the old one by the time that it is fetched again: no offset tells.
TEST_P(Gone, N6_WhatATopicHoldsByTheTimeItIsMissedIsHandledWhole) {
  make_topic(2);
  DaemonSpec patient = spec();
  never_missed(patient);
  patient.log_level = "debug";
  const auto daemon = start(patient);
  ASSERT_TRUE(daemon->wait_log("topic is known by its id", kLong));
  ASSERT_NO_FATAL_FAILURE(handle_and_commit());
  daemon->signal(SIGSTOP);
  ASSERT_NO_FATAL_FAILURE(replace_topic(300));
  anew_->flush();
  daemon->signal(SIGCONT);
  expect_new_whole(*daemon);
}

using OneGone = OneProtocol<Gone>;

class GoneFromItsOwn : private OwnCluster, public OneGone {
 protected:
  GoneFromItsOwn() : OneGone(own_cluster) {}
};

// With the new topic its leaders' epochs begin anew as well.
TEST_F(GoneFromItsOwn, N6_ATopicWhoseLeadersHadChangedIsReplacedAndHandledWhole) {
  make_topic(2);
  DaemonSpec eager = spec();
  eager.kafka["reconnect.backoff.max.ms"] = "1000";
  const auto daemon = start(eager);
  send(100);
  ASSERT_TRUE(wait_all_handled());
  cluster_.stop_node(1);
  cluster_.start_node(1);
  expect_replaced_whole(*daemon, 300);
}

// ---- Retention ----------------------------------------------------------------------------------

class Retention : public OneGone {
 protected:
  static constexpr const char* kLoud = "records are gone before they were handled";

  DaemonSpec with_policy(const std::string& policy) const {
    DaemonSpec daemon = spec();
    daemon.kafka["auto.offset.reset"] = policy;
    return daemon;
  }

  /// 100 records, of which the group has committed 50 and the broker has those from 80 on.
  void lose_records() {
    make_topic(1);
    send(50);
    const auto before = start(spec());
    ASSERT_TRUE(wait_all_handled());
    stop_cleanly(*before);
    send(50);
    admin_.delete_records({topic_, 0}, 80);
  }

  std::vector<Offset> handled_by(const Daemon& daemon) {
    std::vector<Offset> offsets;
    for (const Entry& entry : of_event(of_pid(ledger_.read(), daemon.pid()), Event::kRecord)) {
      offsets.push_back(entry.offset);
    }
    return offsets;
  }
};

TEST_F(Retention, N7_EarliestSaysSoAndGoesOnWithWhatIsThere) {
  lose_records();
  const auto daemon = start(with_policy("earliest"));
  ASSERT_TRUE(daemon->wait_log(kLoud, kLong));
  ASSERT_TRUE(ledger_.wait_handled(70, kLong));
  stop_cleanly(*daemon);
  const auto offsets = handled_by(*daemon);
  ASSERT_THAT(offsets, SizeIs(20));
  EXPECT_EQ(offsets.front(), 80);
  EXPECT_EQ(admin_.committed(group_), (OffsetsByPartition{{{topic_, 0}, 100}}));
}

TEST_F(Retention, N7_LatestSaysSoAndGoesOnWithWhatComes) {
  lose_records();
  const auto daemon = start(with_policy("latest"));
  ASSERT_TRUE(daemon->wait_log(kLoud, kLong));
  // Where "latest" is, is asked after that: until one comes through, none is behind it for certain.
  ASSERT_TRUE(eventually(
      [&] {
        send(1);
        return !handled_by(*daemon).empty();
      },
      kLong, milliseconds(100)));
  stop_cleanly(*daemon);
  EXPECT_GE(handled_by(*daemon).front(), 100);
}

TEST_F(Retention, N7_ErrorSaysSoAndHandlesNothing) {
  lose_records();
  const auto daemon = start(with_policy("error"));
  ASSERT_TRUE(daemon->wait_log(kLoud, kLong));
  EXPECT_TRUE(always([&] { return handled_by(*daemon).empty(); }, milliseconds(700)));
  EXPECT_TRUE(daemon->running());
  stop_cleanly(*daemon);
  EXPECT_EQ(admin_.committed(group_), (OffsetsByPartition{{{topic_, 0}, 50}}));
}

TEST_F(Retention, N7_ARunningConsumerThatIsOvertakenSaysSo) {
  make_topic(1);
  DaemonSpec waits = spec(
      {{"fail_offset", "0"}, {"fail_times", "0"}, {"fail_until", (scratch_ / "healed").string()}});
  waits.kafka["queued.max.messages.kbytes"] = "1";
  waits.kafka["fetch.message.max.bytes"] = "1000";
  handler(waits).options["batch"] = "{max_records: 1}";
  handler(waits).options["retry"] = "{backoff: 50ms, backoff_max: 50ms}";
  for (int i = 0; i < 20; ++i)
    producer_.send_sequence(topic_, 1, 50, 500);  // each a batch of the broker's
  const auto daemon = start(waits);
  ASSERT_TRUE(ledger_.wait_count(Event::kFailed, 2, kLong));
  admin_.delete_records({topic_, 0}, 990);
  write_file(scratch_ / "healed", "");
  ASSERT_TRUE(daemon->wait_log(kLoud, kLong));
  ASSERT_TRUE(eventually([&] { return !handled(0).empty() && handled(0).back() == 999; }, kLong));
  EXPECT_LT(handled(0).size(), 1'000U) << "nothing was lost: the test proves nothing";
  stop_cleanly(*daemon);
  EXPECT_EQ(admin_.committed(group_), (OffsetsByPartition{{{topic_, 0}, 1'000}}));
}

}  // namespace
}  // namespace moult::testing
