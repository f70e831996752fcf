// Partitions and topics that come while the daemon runs.
#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

class Topics : public Group {};
MOULT_FOR_EACH_PROTOCOL(Topics);

TEST_P(Topics, R13_NewPartitionsArePickedUp) {
  make_topic(1);
  const auto daemon = start(spec());
  send(50);
  ASSERT_TRUE(wait_all_handled());
  partitions_ = 3;
  admin_.add_partitions(topic_, partitions_);
  send(60);
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
}

TEST_P(Topics, R13_NewTopicsThatMatchARegexArePickedUp) {
  make_topic(1);
  DaemonSpec by_regex = spec();
  by_regex.consumers[0].handlers[0].topics = {"'^" + topic_ + ".*'"};
  const auto daemon = start(by_regex);
  send(10);
  ASSERT_TRUE(wait_all_handled());
  const std::string later = topic_ + ".later";
  admin_.create_topic(later, 2);
  producer_.send_sequence(later, 2, 20);
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
  EXPECT_EQ(admin_.lag(group_, {later}), 0);
}

}  // namespace
}  // namespace moult::testing
