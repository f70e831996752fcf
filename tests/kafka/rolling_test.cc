// Members come and go while records flow.
#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

class Rebalance : public Group {};
MOULT_FOR_EACH_PROTOCOL(Rebalance);

TEST_P(Rebalance, R1_LosingAndRegainingSkipsNothing) {
  make_topic(4);
  const DaemonSpec slow = spec({{"sleep_us_per_record", "300"}});
  const auto stays = start(slow);
  ASSERT_TRUE(send_until_works(*stays));
  const auto count = [&](Event event) {
    return of_event(of_pid(ledger_.read(), stays->pid()), event).size();
  };
  for (int round = 0; round < 3; ++round) {
    const auto visitor = start(slow);
    ASSERT_TRUE(send_until_works(*visitor));
    send(1'000);
    stop_cleanly(*visitor);
    ASSERT_TRUE(wait_stable(1));
    // The group is stable before its member has heard what it got.
    const auto has_all = [&] { return count(Event::kCreate) == count(Event::kDestroy) + 4; };
    ASSERT_TRUE(eventually(has_all, kLong));
  }
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*stays);
  expect_complete();
  expect_no_duplicates();
  // It lost partitions and got them back: more instances than partitions.
  EXPECT_GE(count(Event::kCreate), 4U + 3U);
}

TEST_P(Rebalance, R2_RollingRestartDuplicatesNothing) {
  make_topic(6);
  DaemonSpec slow = spec({{"sleep_us_per_record", "300"}});
  never_missed(slow);
  std::vector<std::unique_ptr<Daemon>> members;
  members.reserve(3);
  for (int i = 0; i < 3; ++i) members.push_back(start(slow));
  ASSERT_TRUE(wait_stable(3));
  for (auto& member : members) {
    send(3'000);
    stop_cleanly(*member);
    send(3'000);
    member = start(slow);
    ASSERT_TRUE(send_until_works(*member));
  }
  ASSERT_TRUE(wait_all_handled());
  for (auto& member : members) stop_cleanly(*member);
  EXPECT_EQ(cluster_.expired_members(group_), 0U);
  expect_complete();
  expect_no_duplicates();
}

}  // namespace
}  // namespace moult::testing
