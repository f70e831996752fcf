// What systemd does about a daemon that hangs, crashes, or is stopped in the middle of its work.
#include <signal.h>

#include "tests/deploy/service_fixture.h"
#include "tests/support/oracle.h"
#include "tests/support/wait.h"

namespace moult::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(Service, APollLoopThatHangsIsKilledAndStartedAgain) {
  make_topic(2);
  override_unit({"WatchdogSec=15"});
  configure(inside());
  ASSERT_EQ(systemctl("start"), 0);
  const pid_t pid = main_pid();
  send(100);
  ASSERT_TRUE(wait_all_handled());

  const auto out = path_here("stop_thread");
  const auto tracer =
      machine_.start({"/root/stop_thread", std::to_string(pid), "moult-poller"}, out);
  ASSERT_TRUE(eventually([&] { return read_file(out) == "stopped\n"; }, kLong)) << read_file(out);
  ASSERT_TRUE(wait_property("NRestarts", "1"));
  ASSERT_TRUE(wait_property("ActiveState", "active"));
  EXPECT_THAT(journal(), HasSubstr("Watchdog timeout"));
  EXPECT_THAT(journal("MOULT_COMPONENT=app"), HasSubstr("a poll loop does not answer"));
  EXPECT_NE(main_pid(), pid);
  send(100);
  ASSERT_TRUE(wait_all_handled());
  stop_service();
  expect_complete();
}

/// Longer than the watchdog's time and than TimeoutStopSec.
TEST_F(Service, AStopWaitsForABusyHandlerUpToTheDrainDeadline) {
  make_topic(1);
  override_unit({"WatchdogSec=12", "TimeoutStopSec=6"});
  DaemonSpec spec = inside({{"sleep_ms_per_batch", "30000"}});
  spec.options["drain_deadline"] = "50s";
  configure(spec);
  send(50);
  ASSERT_EQ(systemctl("start"), 0);
  ASSERT_TRUE(ledger_.wait_count(Event::kBegin, 1, kLong));
  ASSERT_TRUE(always([this] { return property("NRestarts") == "0"; }, seconds(13)))
      << "a handler that takes its time is none of the watchdog's business";
  stop_service();
  EXPECT_THAT(journal(), Not(HasSubstr("Watchdog timeout")));
  const std::size_t handled = of_event(ledger_.read(), Event::kRecord).size();
  EXPECT_GT(handled, 0U);
  const auto committed = admin_.committed(group_);
  ASSERT_THAT(committed, SizeIs(1));
  EXPECT_EQ(committed.begin()->second, static_cast<Offset>(handled))
      << "what was finished, and no more";
  expect_no_duplicates();
}

TEST_F(Service, ACrashIsFollowedByARestartAndWhatWasNotFinishedComesAgain) {
  make_topic(2);
  configure(inside({{"crash_offset", "20"}, {"fail_until", path_inside("healed")}}));
  ASSERT_EQ(systemctl("start"), 0);
  send(100);
  ASSERT_TRUE(eventually([this] { return std::stoi(property("NRestarts")) >= 2; }, kLong));
  EXPECT_THAT(journal(), HasSubstr("Scheduled restart job"));
  EXPECT_THAT(machine_.output("cat /var/log/moult/crash-*"), HasSubstr("SIGSEGV"));
  write_file(path_here("healed"), "");
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(wait_property("ActiveState", "active"));
  stop_service();
  expect_complete();
}

}  // namespace
}  // namespace moult::testing
