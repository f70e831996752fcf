// What a dead letter holds, also when that is too much.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tests/kafka/dead_letter_fixture.h"

namespace moult::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr std::string_view kOurs = "moult-";

HeaderList own_headers(const ReadRecord& record) {
  HeaderList own;
  for (const auto& header : record.headers) {
    if (!header.first.starts_with(kOurs)) own.push_back(header);
  }
  return own;
}

std::vector<std::string> our_names(const ReadRecord& record) {
  std::vector<std::string> names;
  for (const auto& [name, value] : record.headers) {
    if (name.starts_with(kOurs)) names.push_back(name);
  }
  return names;
}

class Content : public DeadLetters {
 protected:
  std::string build_id(const Daemon& daemon) const {
    constexpr std::string_view kLabel = "build id ";
    const Finished check = run_moult({"check", "--config", daemon.config().string()});
    const std::size_t at = check.out.find(kLabel) + kLabel.size();
    return check.out.substr(at, check.out.find_first_not_of("0123456789abcdef", at) - at);
  }

  void send_oddities() {
    const std::string binary("\0\x01\xff\n\r\0", 6);
    producer_.send({.topic = topic_,
                    .partition = 0,
                    .key = binary,
                    .value = binary + binary,
                    .headers = {{"twice", "1"},
                                {"app", binary},
                                {"twice", "2"},
                                {"null", std::nullopt},
                                {"", ""},
                                {"twice", "1"}}});
    producer_.send({.topic = topic_, .partition = 0, .value = ""});
    producer_.send({.topic = topic_, .partition = 0, .key = "", .tombstone = true});
    producer_.send({.topic = topic_, .partition = 0, .key = "k", .value = "v"});
    producer_.flush();
  }

  void expect_same_bytes(const std::vector<ReadRecord>& copies,
                         const std::vector<ReadRecord>& originals) {
    ASSERT_EQ(copies.size(), originals.size());
    for (std::size_t i = 0; i < copies.size(); ++i) {
      SCOPED_TRACE(i);
      EXPECT_EQ(copies[i].key, originals[i].key);
      EXPECT_EQ(copies[i].value, originals[i].value);
      EXPECT_EQ(own_headers(copies[i]), own_headers(originals[i]));
    }
  }
};

TEST_F(Content, E10_ADeadLetterKeepsItsBytesAndSaysWhereItComesFrom) {
  make_topics(1);
  send_oddities();
  const auto daemon = start(giving_up({{"fail_all", "true"}, {"fail_times", "0"}}));
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  const auto originals = records_in(cluster_.bootstrap(), {topic_, 0});
  const auto copies = dead_letters();
  ASSERT_NO_FATAL_FAILURE(expect_same_bytes(copies, originals));
  ASSERT_THAT(copies, SizeIs(4));
  ASSERT_THAT(originals[0].headers, SizeIs(6)) << "the test's own producer";
  EXPECT_FALSE(copies[1].key);
  EXPECT_FALSE(copies[2].value);
  for (std::size_t i = 0; i < copies.size(); ++i) {
    SCOPED_TRACE(i);
    const ReadRecord& copy = copies[i];
    EXPECT_EQ(copy.header("moult-topic"), topic_);
    EXPECT_EQ(copy.header("moult-partition"), "0");
    EXPECT_EQ(copy.header("moult-offset"), std::to_string(originals[i].offset));
    EXPECT_EQ(copy.header("moult-timestamp"), std::to_string(originals[i].timestamp_ms));
    EXPECT_EQ(copy.header("moult-group"), group_);
    EXPECT_EQ(copy.header("moult-handler"), "ledger");
    EXPECT_EQ(copy.header("moult-plugin"), "ledger 1.0.0");
    EXPECT_EQ(copy.header("moult-build-id"), build_id(*daemon));
    EXPECT_EQ(copy.header("moult-attempts"), "2");
    EXPECT_EQ(copy.header("moult-error-code"), "7");
    EXPECT_EQ(copy.header("moult-error"), "told to fail by fail_offset");
    EXPECT_THAT(our_names(copy), SizeIs(11)) << "the table names them all";
  }
  EXPECT_GT(build_id(*daemon).size(), 10U);
}

TEST_F(Content, E10_ASecondDeadLetteringReplacesTheFirstOnesHeaders) {
  make_topics(1);
  const std::string again = dead_topic_ + "-again";
  admin_.create_topic(again, 1);
  send(1);  // so that the offsets differ
  send_oddities();
  DaemonSpec twice =
      giving_up({{"fail_all", "true"}, {"fail_times", "0"}, {"fail_partition", "0"}});
  twice.consumers.push_back(twice.consumers[0]);
  ConsumerSpec& second = twice.consumers[1];
  second.group = group_ + "-second";
  second.handlers[0].name = "second";
  second.handlers[0].topics = {dead_topic_};
  second.handlers[0].settings["tag"] = "second";
  second.handlers[0].options["dead_letter"] = again;
  second.handlers[0].options["retry"] = "{max_attempts: 3, backoff: 20ms}";
  const auto daemon = start(twice);
  ASSERT_TRUE(wait_caught_up());
  ASSERT_TRUE(admin_.wait_caught_up(second.group, {dead_topic_}, kLong));
  stop_cleanly(*daemon);
  const auto firsts = dead_letters();
  const auto seconds = records_in(cluster_.bootstrap(), {again, 0});
  ASSERT_NO_FATAL_FAILURE(expect_same_bytes(seconds, firsts));
  ASSERT_THAT(seconds, SizeIs(5));
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(seconds[i].header("moult-topic"), dead_topic_);
    EXPECT_EQ(seconds[i].header("moult-offset"), std::to_string(firsts[i].offset));
    EXPECT_EQ(seconds[i].header("moult-group"), second.group);
    EXPECT_EQ(seconds[i].header("moult-handler"), "second");
    EXPECT_EQ(seconds[i].header("moult-attempts"), "3");
    EXPECT_THAT(our_names(seconds[i]), SizeIs(11));
  }
}

// ---- Too large ----------------------------------------------------------------------------------

constexpr int kLimit = 2'000;
constexpr std::size_t kFitsTrimmed =
    kLimit - 260;  // all of our headers take more, four of them less
constexpr std::size_t kNeverFits = kLimit - 10;

class Oversized : public Content {
 protected:
  enum class By { kProducer, kBroker };  // who refuses what is too large

  void make_limited_topics(int partitions, By by) {
    make_topic(partitions);
    Properties config;
    if (by == By::kBroker) config["max.message.bytes"] = std::to_string(kLimit);
    admin_.create_topic(dead_topic_, 1, config);
  }

  DaemonSpec limited(const Properties& settings, By by) const {
    DaemonSpec daemon = giving_up(settings);
    if (by == By::kProducer) {
      daemon.consumers[0].kafka["message.max.bytes"] = std::to_string(kLimit);
    }
    return daemon;
  }

  void send_large(std::int32_t partition, std::size_t size) {
    producer_.send({.topic = topic_, .partition = partition, .size = size});
    producer_.flush();
  }

  /// One that fits without most of our headers.
  void expect_trimmed(By by) {
    make_limited_topics(1, by);
    send_large(0, kFitsTrimmed);
    send(1);
    const auto daemon = start(limited({{"fail_offset", "0"}, {"fail_times", "0"}}, by));
    ASSERT_TRUE(wait_caught_up());
    stop_cleanly(*daemon);
    const auto copies = dead_letters();
    ASSERT_THAT(copies, SizeIs(1));
    EXPECT_THAT(our_names(copies[0]), UnorderedElementsAre("moult-topic", "moult-partition",
                                                           "moult-offset", "moult-handler"));
    EXPECT_EQ(copies[0].value, records_in(cluster_.bootstrap(), {topic_, 0})[0].value);
    EXPECT_EQ(dead_ids(), ids(0, {0}));
    expect_handled_or(ids(0, {0}));
  }

  /// One that does not fit at all.
  void expect_stopped(By by) {
    make_limited_topics(2, by);
    producer_.send({.topic = topic_, .partition = 0});
    send_large(0, kNeverFits);
    send(8);
    const auto daemon =
        start(limited({{"fail_offset", "1"}, {"fail_partition", "0"}, {"fail_times", "0"}}, by));
    ASSERT_TRUE(daemon->wait_log("lane stopped", kLong));
    ASSERT_TRUE(daemon->wait_log("not ready", kLong));
    send(8);
    const OffsetsByPartition held{{{topic_, 0}, 1}, {{topic_, 1}, 8}};
    ASSERT_TRUE(wait_committed(held));
    stop_cleanly(*daemon);
    EXPECT_EQ(admin_.committed(group_), held);
    EXPECT_THAT(handled(0), ElementsAre(0));
    EXPECT_THAT(dead_letters(), IsEmpty());
    const auto mended = start(spec());
    ASSERT_TRUE(wait_caught_up());
    stop_cleanly(*mended);
    expect_handled_or({});
  }
};

TEST_F(Oversized, E11_OurHeadersAreTrimmedWhereTheyAreTooMuchForTheProducer) {
  expect_trimmed(By::kProducer);
}
TEST_F(Oversized, E11_OurHeadersAreTrimmedWhereTheyAreTooMuchForTheTopic) {
  expect_trimmed(By::kBroker);
}
TEST_F(Oversized, E11_WhatIsTooLargeForTheProducerStopsItsLaneAlone) {
  expect_stopped(By::kProducer);
}
TEST_F(Oversized, E11_WhatIsTooLargeForTheTopicStopsItsLaneAlone) { expect_stopped(By::kBroker); }

// A record may be as large as the topic lets it be, which is more than librdkafka's own limit.
TEST_F(Oversized, E11_ARecordAsLargeAsItsTopicAllowsByDefaultIsADeadLetter) {
  constexpr std::size_t kLarge = 1'040'000;
  make_topics(1);
  Producer large(cluster_.bootstrap(), {{"message.max.bytes", "1048588"}});
  large.send({.topic = topic_, .partition = 0, .size = kLarge});
  large.flush();
  const auto daemon = start(giving_up({{"fail_offset", "0"}, {"fail_times", "0"}}));
  ASSERT_TRUE(wait_caught_up());
  stop_cleanly(*daemon);
  ASSERT_THAT(dead_letters(), SizeIs(1));
  EXPECT_EQ(dead_letters()[0].value->size(), kLarge);
}

}  // namespace
}  // namespace moult::testing
