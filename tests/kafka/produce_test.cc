// What handlers produce.
#include <string>

#include "tests/kafka/dead_letter_fixture.h"

namespace moult::testing {
namespace {

class Producing : public DeadLetters {
 protected:
  DaemonSpec producing(const std::string& tied) const {
    return giving_up({{"produce_to", out_}, {"produce_tied", tied}});
  }

  std::set<RecordId> sources_of(const std::string& topic) const {
    std::set<RecordId> ids;
    for (const ReadRecord& record : records_in(cluster_.bootstrap(), {topic, 0})) {
      ids.insert(
          {{record.header("t"), std::stoi(record.header("p"))}, std::stoll(record.header("o"))});
    }
    return ids;
  }

  std::set<RecordId> produced_ids() const {
    std::set<RecordId> ids;
    for (const auto& [id, sequence] : producer_.produced()) ids.insert(id);
    return ids;
  }

  const std::string out_ = topic_ + "-out";
};

TEST_F(Producing, AMessageArrivesAsItWasGiven) {
  const std::string binary("\0\xff\n", 3);
  make_topics(1);
  admin_.create_topic(out_, 1);
  producer_.send({.topic = topic_, .partition = 0, .key = binary, .value = binary + binary});
  producer_.send({.topic = topic_, .partition = 0, .value = ""});
  producer_.send({.topic = topic_, .partition = 0, .key = "", .tombstone = true});
  producer_.flush();
  const auto daemon = start(producing("true"));
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  const auto sources = records_in(cluster_.bootstrap(), {topic_, 0});
  const auto out = records_in(cluster_.bootstrap(), {out_, 0});
  ASSERT_THAT(out, SizeIs(3));
  for (std::size_t i = 0; i < out.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(out[i].key, sources[i].key);
    EXPECT_EQ(out[i].value, sources[i].value);
    EXPECT_EQ(out[i].headers,
              (HeaderList{{"t", topic_}, {"p", "0"}, {"o", std::to_string(sources[i].offset)}}));
  }
  expect_complete();
}

TEST_F(Producing, TheTopicPrefixGoesOnceBeforeEveryName) {
  const std::string prefix = topic_ + ".";
  for (const char* name : {"in", "out", "dead"}) admin_.create_topic(prefix + name, 1);
  DaemonSpec prefixed = giving_up(
      {{"produce_to", "out"}, {"produce_tied", "true"}, {"fail_offset", "3"}, {"fail_times", "0"}});
  prefixed.options["topic_prefix"] = prefix;
  prefixed.consumers[0].group = "readers";
  handler(prefixed).topics = {"in"};
  handler(prefixed).options["dead_letter"] = "dead";
  const auto daemon = start(prefixed);
  producer_.send_sequence(prefix + "in", 1, 10);
  ASSERT_TRUE(admin_.wait_caught_up(prefix + "readers", {prefix + "in"}, kLong));
  stop_cleanly(*daemon);
  std::set<RecordId> sources = produced_ids();
  sources.erase({{prefix + "in", 0}, 3});
  EXPECT_EQ(sources_of(prefix + "out"), sources);
  const auto dead = records_in(cluster_.bootstrap(), {prefix + "dead", 0});
  ASSERT_THAT(dead, SizeIs(1));
  EXPECT_EQ(dead[0].header("moult-topic"), prefix + "in");
  EXPECT_EQ(dead[0].header("moult-group"), prefix + "readers");
}

TEST_F(Producing, ATiedMessageIsDeliveredBeforeItsRecordIsCommitted) {
  make_topics(2);
  send(20);
  DaemonSpec tied = hearing_soon(producing("true"));
  handler(tied).options["retry"] = "{max_attempts: unlimited, backoff: 20ms, backoff_max: 50ms}";
  const auto daemon = start(tied);
  ASSERT_TRUE(daemon->wait_log("what the handler produced was not delivered", kLong, 4));
  for (const auto& [partition, offset] : admin_.committed(group_)) EXPECT_EQ(offset, 0);
  EXPECT_GT(ledger_.count(Event::kRecord), 20U) << "its records are tried again";
  admin_.create_topic(out_, 1);
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  EXPECT_EQ(sources_of(out_), produced_ids());
  EXPECT_THAT(dead_letters(), IsEmpty());
  EXPECT_THAT(missing(producer_.produced(), ledger_.read()), IsEmpty());
}

TEST_F(Producing, ARecordWhoseTiedMessageIsNeverDeliveredUsesUpItsAttempts) {
  make_topics(1);
  send(1);
  const auto daemon = start(hearing_soon(producing("true")));
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  EXPECT_EQ(ledger_.count(Event::kRecord), 2U);
  EXPECT_EQ(dead_ids(), ids(0, {0}));
  EXPECT_EQ(dead_letters()[0].header("moult-attempts"), "2");
  // The second time the producer knows at once that there is no such topic.
  EXPECT_EQ(daemon->log_count("error=\"what the handler produced was not delivered: "), 1U);
}

TEST_F(Producing, AnUntiedMessageHoldsNothingBackAndItsLossIsSaid) {
  make_topics(1);
  send(10);
  const auto daemon = start(hearing_soon(producing("false")));
  ASSERT_TRUE(wait_caught_up());
  ASSERT_TRUE(daemon->wait_log("what a handler produced was not delivered", kLong, 10));
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
}

TEST_F(Producing, TiedMessagesWithKeysInOrder) {
  make_topics(2);
  admin_.create_topic(out_, 1);
  for (int i = 0; i < 500; ++i) {
    producer_.send({.topic = topic_, .partition = i % 2, .key = "k" + std::to_string(i % 17)});
  }
  producer_.flush();
  DaemonSpec tied = producing("true");
  handler(tied).options["ordering"] = "key";
  const auto daemon = start(tied);
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  EXPECT_EQ(sources_of(out_), produced_ids());
  EXPECT_THAT(records_in(cluster_.bootstrap(), {out_, 0}), SizeIs(500));
  EXPECT_THAT(violations_by_key(producer_.produced(), ledger_.read(), admin_.committed(group_)),
              IsEmpty());
  expect_no_duplicates();
}

}  // namespace
}  // namespace moult::testing
