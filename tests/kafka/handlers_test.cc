// Several memberships, and several handlers of one, in one process.
#include <utility>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

class Handlers : public Group {};
MOULT_FOR_EACH_PROTOCOL(Handlers);

TEST_P(Handlers, TwoGroupsInOneProcessBothHandleEverything) {
  make_topic(3);
  DaemonSpec both = spec({{"tag", "one"}});
  ConsumerSpec other = both.consumers[0];
  other.group = group_ + "-other";
  other.handlers[0].name = "other";
  other.handlers[0].settings["tag"] = "two";
  both.consumers.push_back(other);
  const auto daemon = start(both);
  send(3'000);
  for (const char* tag : {"one", "two"}) {
    ASSERT_TRUE(ledger_.wait(
        [&](const Entries& entries) {
          return missing(producer_.produced(), of_tag(entries, tag)).empty();
        },
        kLong));
  }
  stop_cleanly(*daemon);
  for (const auto& [tag, group] : {std::pair{"one", group_}, std::pair{"two", other.group}}) {
    const Entries entries = of_tag(ledger_.read(), tag);
    EXPECT_THAT(violations(producer_.produced(), entries, admin_.committed(group)), IsEmpty());
    EXPECT_THAT(duplicates(entries), IsEmpty());
    EXPECT_EQ(admin_.lag(group, {topic_}), 0);
  }
  EXPECT_THAT(unpaired(ledger_.read(), ended_), IsEmpty());
}

TEST_P(Handlers, TwoHandlersOfOneGroupGetEachTheirTopics) {
  make_topic(2);
  const std::string other_topic = topic_ + "-other";
  admin_.create_topic(other_topic, 2);
  DaemonSpec both = spec({{"tag", "one"}});
  HandlerSpec other = both.consumers[0].handlers[0];
  other.name = "other";
  other.topics = {other_topic};
  other.settings["tag"] = "two";
  both.consumers[0].handlers.push_back(other);
  const auto daemon = start(both);
  send(1'000);
  producer_.send_sequence(other_topic, 2, 1'000);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_THAT(admin_.describe(group_).members, SizeIs(1));
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
  EXPECT_EQ(admin_.lag(group_, {other_topic}), 0);
  for (const Entry& entry : ledger_.read()) {
    ASSERT_EQ(entry.lane.tag, entry.partition().topic == topic_ ? "one" : "two");
  }
}

}  // namespace
}  // namespace moult::testing
