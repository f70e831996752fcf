// A reload changes what a handler reads, and the group is not left for it.
#include <gmock/gmock.h>

#include "tests/kafka/reload_fixture.h"

namespace moult::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ReloadTopics : public Reloads {};

TEST_P(ReloadTopics, H13_TopicsChangeWithoutLeavingTheGroup) {
  const auto daemon = start_first(2);
  admin_.create_topic(other_, 3);
  send(100);
  ASSERT_TRUE(wait_all_handled());
  const std::string before = member();
  ASSERT_NE(before, "");

  DaemonSpec both = next();
  handler(both).topics = {topic_, other_};
  configure(*daemon, both);
  const Finished more = ask(*daemon, "reload");
  EXPECT_EQ(more.status, 0) << more.errors;
  EXPECT_THAT(more.out, HasSubstr("it reads " + topic_ + ", " + other_ + " from now on"));
  ASSERT_TRUE(wait_reads(*daemon, {topic_, other_}, {}));
  send(100);
  producer_.send_sequence(other_, 3, 100);
  ASSERT_TRUE(wait_all_handled());

  DaemonSpec one = spec({{"tag", "\"" + tag() + "\""}});
  handler(one).topics = {other_};
  configure(*daemon, one);
  const Finished less = ask(*daemon, "reload");
  EXPECT_EQ(less.status, 0) << less.errors;
  EXPECT_THAT(less.out, AllOf(HasSubstr("unchanged"), HasSubstr("it reads " + other_)));
  ASSERT_TRUE(wait_reads(*daemon, {other_}, {topic_}));
  const std::size_t handled_before = ledger_.read().size();
  Producer unread(cluster_.bootstrap());
  unread.send_sequence(topic_, 2, 10);
  producer_.send_sequence(other_, 3, 100);
  ASSERT_TRUE(wait_all_handled());
  const Entries all = ledger_.read();
  for (std::size_t i = handled_before; i < all.size(); ++i) {
    if (all[i].event != Event::kRecord) continue;
    EXPECT_EQ(all[i].partition().topic, other_);
  }
  EXPECT_EQ(member(), before) << "the same member all the time";
  stop_cleanly(*daemon);
  EXPECT_THAT(missing(producer_.produced(), ledger_.read()), IsEmpty());
  expect_no_duplicates();
}

MOULT_FOR_EACH_PROTOCOL(ReloadTopics);

class ReloadTopicsOfTwo : public OneProtocol<ReloadTopics> {};

TEST_F(ReloadTopicsOfTwo, H13_ATopicThatWouldGoToAnotherHandlerIsRefusedByName) {
  make_topic(1);
  admin_.create_topic(other_, 1);
  DaemonSpec two = spec({{"tag", "\"1\""}});
  two.consumers[0].handlers.push_back(handler(two));
  two.consumers[0].handlers[1].name = "second";
  two.consumers[0].handlers[1].topics = {other_};
  const auto daemon = start(two);
  send(10);
  producer_.send_sequence(other_, 1, 10);
  ASSERT_TRUE(wait_all_handled());
  std::swap(two.consumers[0].handlers[0].topics, two.consumers[0].handlers[1].topics);
  configure(*daemon, two);
  const Finished refused = ask(*daemon, "reload");
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.errors, AllOf(HasSubstr("would go to another handler"),
                                    HasSubstr("needs a restart"), Not(HasSubstr("from now on"))));
  send(10);
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  expect_complete();
}

}  // namespace
}  // namespace moult::testing
