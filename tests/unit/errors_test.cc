#include "runtime/kafka/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <string>
#include <vector>

namespace moult::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class KeptTexts : public LogSink {
 public:
  bool enabled(Component, Severity) const noexcept override { return true; }
  void write(Component, Severity, std::string_view message,
             std::span<const Field>) noexcept override {
    kept.emplace_back(message);
  }

  std::vector<std::string> kept;
};

TEST(Classify, BrokersThatCannotBeReachedAreNotFatal) {
  for (const int code : {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__TRANSPORT,
                         RD_KAFKA_RESP_ERR__RESOLVE}) {
    EXPECT_EQ(classify(code), Disposition::kTransient) << error_text(code);
  }
}

TEST(Classify, WrongCredentialsMayBeMendedOnTheBroker) {
  EXPECT_EQ(classify(RD_KAFKA_RESP_ERR__AUTHENTICATION), Disposition::kDenied);
}

TEST(Classify, AFencedMemberHasToGo) {
  EXPECT_EQ(classify(RD_KAFKA_RESP_ERR__FATAL), Disposition::kFatal);
  EXPECT_EQ(classify(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID), Disposition::kFatal);
}

TEST(Classify, AResetOffsetIsDataLoss) {
  EXPECT_EQ(classify(RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET), Disposition::kDataLoss);
}

TEST(LeavesUnread, UntilSomebodyActs) {
  EXPECT_TRUE(leaves_unread(RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET));
  EXPECT_TRUE(leaves_unread(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED));
  EXPECT_FALSE(leaves_unread(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION));
  EXPECT_FALSE(leaves_unread(RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE));  // it is reset by the policy
}

// The texts are librdkafka's.
TEST(ReportError, TellsAnOffsetThatIsGoneFromOneThatNeverWas) {
  KeptTexts log;
  const auto report = [&](const char* reason) {
    report_error(Logger(log, Component::kKafka), RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, reason, {});
  };
  report(
      "fetch failed due to requested offset not available on the broker: "
      "Broker: Offset out of range (broker 1)");
  report("no previously committed offset available: Local: No offset stored");
  EXPECT_THAT(log.kept, ElementsAre("records are gone before they were handled",
                                    HasSubstr("the group has no offset")));
}

TEST(Classify, TheEndOfAPartitionIsNoError) {
  EXPECT_EQ(classify(RD_KAFKA_RESP_ERR__PARTITION_EOF), Disposition::kIgnore);
}

TEST(CommitOvertaken, ByARebalanceOnly) {
  EXPECT_TRUE(commit_overtaken(RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION));
  EXPECT_TRUE(commit_overtaken(RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS));
  EXPECT_FALSE(commit_overtaken(RD_KAFKA_RESP_ERR__TRANSPORT));
  EXPECT_FALSE(commit_overtaken(RD_KAFKA_RESP_ERR_NO_ERROR));
}

}  // namespace
}  // namespace moult::kafka
