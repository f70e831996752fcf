// Being a member, with long handlers and with nothing to do.
#include <algorithm>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

class Membership : public Group {};
MOULT_FOR_EACH_PROTOCOL(Membership);

TEST_P(Membership, R8_HandlerLongerThanMaxPollIntervalCausesNoRebalance) {
  make_topic(2);
  // Twice as long as the interval and the session.
  DaemonSpec slow = spec({{"sleep_ms_per_batch", "12000"}});
  slow.consumers[0].kafka["max.poll.interval.ms"] = "6000";
  const auto first = start(slow);
  const auto second = start(slow);
  ASSERT_TRUE(wait_stable(2));
  const std::size_t generations = cluster_.generations(group_);
  const std::size_t revoked = ledger_.count(Event::kRevoked);
  send(2);  // a batch in each partition
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  EXPECT_EQ(cluster_.generations(group_), generations);
  EXPECT_EQ(ledger_.count(Event::kRevoked), revoked);
  stop_cleanly(*first);
  stop_cleanly(*second);
  expect_complete();
  expect_no_duplicates();
}

TEST_P(Membership, R11_IdleMembersStartTakeOverAndStopCleanly) {
  make_topic(1);
  std::vector<std::unique_ptr<Daemon>> members;
  members.reserve(3);
  DaemonSpec each = spec();
  never_missed(each);
  for (int i = 0; i < 3; ++i) members.push_back(start(each));
  ASSERT_TRUE(wait_stable(3));
  send(100);
  ASSERT_TRUE(wait_all_handled());
  const Entries handled = of_event(ledger_.read(), Event::kRecord);
  const pid_t busy = handled.front().lane.pid;
  EXPECT_THAT(of_pid(handled, busy), SizeIs(handled.size())) << "the others idle";
  std::partition(members.begin(), members.end(),
                 [&](const auto& member) { return member->pid() == busy; });
  stop_cleanly(*members[2]);  // an idle one
  stop_cleanly(*members[0]);  // the busy one: the last must take over
  send(100);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_EQ(of_event(ledger_.read(), Event::kRecord).back().lane.pid, members[1]->pid());
  stop_cleanly(*members[1]);
  EXPECT_EQ(cluster_.expired_members(group_), 0U) << "who goes says so, idle or not";
  expect_complete();
  expect_no_duplicates();
}

}  // namespace
}  // namespace moult::testing
