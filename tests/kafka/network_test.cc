// What is not there yet, or not any more.
#include <string>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

class Network : public OneGroup {};

TEST_F(Network, N5_AMissingTopicHoldsBackNoOtherAndIsConsumedOnceItExists) {
  make_topic(2);
  const std::string late = topic_ + "-late";
  DaemonSpec both = spec();
  both.consumers[0].handlers[0].topics.push_back(late);
  const auto daemon = start(both);
  send(200);
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(daemon->wait_log("topic is missing: it is consumed once it exists", kLong));
  admin_.create_topic(late, 2);
  producer_.send_sequence(late, 2, 100);
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
  EXPECT_EQ(admin_.lag(group_, {late}), 0);
}

}  // namespace
}  // namespace moult::testing
