// Members with a name of their own (`group.instance.id`), which outlives their process.
#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

class StaticMembership : public Group {
 protected:
  DaemonSpec named(const std::string& instance) const {
    DaemonSpec daemon = spec();
    daemon.consumers[0].kafka["group.instance.id"] = instance;
    return daemon;
  }

  /// Which instance has which partitions.
  std::map<std::string, std::set<TopicPartition>> partitions_of_instances() {
    std::map<std::string, std::set<TopicPartition>> found;
    for (const GroupMember& member : admin_.describe(group_).members) {
      found[member.instance_id].insert(member.partitions.begin(), member.partitions.end());
    }
    return found;
  }
};
MOULT_FOR_EACH_PROTOCOL(StaticMembership);

TEST_P(StaticMembership, R9_ARestartBringsTheSamePartitionsWithoutARebalance) {
  make_topic(4);
  DaemonSpec first = named("one");
  never_missed(first);  // a restart, however slow, is over before its session
  auto one = start(first);
  DaemonSpec second = first;
  second.consumers[0].kafka["group.instance.id"] = "two";
  const auto two = start(second);
  ASSERT_TRUE(wait_stable(2));
  send(200);
  ASSERT_TRUE(wait_all_handled());
  const auto before = partitions_of_instances();
  ASSERT_THAT(before.at("one"), SizeIs(2));
  const std::size_t generations = cluster_.generations(group_);
  const std::size_t lanes_of_two =
      of_pid(of_event(ledger_.read(), Event::kCreate), two->pid()).size();
  stop_cleanly(*one);
  send(200);  // half of them wait for its return
  one = start(first);
  ASSERT_TRUE(wait_works(*one));
  ASSERT_TRUE(wait_all_handled());
  EXPECT_EQ(partitions_of_instances(), before);
  EXPECT_EQ(cluster_.generations(group_), generations);
  EXPECT_THAT(of_pid(of_event(ledger_.read(), Event::kCreate), two->pid()), SizeIs(lanes_of_two))
      << "the other member noticed nothing";
  stop_cleanly(*one);
  stop_cleanly(*two);
  expect_complete();
  expect_no_duplicates();
}

// Which of two members of one name is refused is the protocol's choice: the older one (classic) or
// the newcomer (`consumer`). It must not stay on as if it were one, and the other works.
TEST_P(StaticMembership, R10_AFencedMemberIsNotReadyAndExitsNonZero) {
  make_topic(2);
  const auto older = start(named("one"));
  send(100);
  ASSERT_TRUE(wait_all_handled());
  const auto newer = start(named("one"));
  const bool older_goes = GetParam() != Protocol::kConsumer;
  Daemon& fenced = older_goes ? *older : *newer;
  Daemon& other = older_goes ? *newer : *older;
  EXPECT_EQ(fenced.wait_exit(kLong), 1);
  EXPECT_EQ(fenced.log_count("fatal kafka error: no offset can be committed any more"), 1U);
  EXPECT_EQ(fenced.log_count("not ready"), 1U);
  EXPECT_EQ(fenced.log_count("ready again"), 0U);
  send(100);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_TRUE(other.running());
  stop_cleanly(other);
  expect_complete();
}

}  // namespace
}  // namespace moult::testing
