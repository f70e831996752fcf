#include "runtime/kafka/errors.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

namespace moult::kafka {
namespace {

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
