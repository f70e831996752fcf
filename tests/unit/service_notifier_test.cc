#include "runtime/observe/service_notifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <chrono>
#include <string>

#include "tests/unit/notify_socket.h"

namespace moult {
namespace {

using ::moult::testing::NotifySocket;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::StartsWith;

TEST(ServiceNotifier, WithoutAManagerNothingIsConnected) {
  const auto notifier = ServiceNotifier::from_environment();
  EXPECT_FALSE(notifier.connected());
  EXPECT_FALSE(notifier.watchdog());
  notifier.ready("fine");  // goes nowhere
}

TEST(ServiceNotifier, TheWatchdogIsTheOneOfThisProcess) {
  const NotifySocket socket(3'000'000);
  EXPECT_EQ(ServiceNotifier::from_environment().watchdog(), seconds(3));
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(ServiceNotifier::from_environment().watchdog());
  ::unsetenv("WATCHDOG_PID");
}

TEST(ServiceNotifier, SaysWhatTheProtocolWants) {
  NotifySocket socket;
  const auto notifier = ServiceNotifier::from_environment();
  ASSERT_TRUE(notifier.connected());
  notifier.ready("all is well");
  EXPECT_EQ(socket.take(), "READY=1\nSTATUS=all is well");
  notifier.status("two\nlines");
  EXPECT_EQ(socket.take(), "STATUS=two lines") << "a line break would begin another variable";
  notifier.alive();
  EXPECT_EQ(socket.take(), "WATCHDOG=1");
  notifier.stopping(milliseconds(1'500));
  EXPECT_EQ(socket.take(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=1500000\nSTATUS=stopping");
}

TEST(ServiceNotifier, AReloadHasTheTimeOfTheManagersClock) {
  NotifySocket socket;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  ServiceNotifier::from_environment().reloading();
  const std::string message = socket.take();
  const std::string start = "RELOADING=1\nMONOTONIC_USEC=";
  ASSERT_THAT(message, StartsWith(start));
  const std::int64_t told = std::stoll(message.substr(start.size()));
  const std::int64_t before = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
  EXPECT_GE(told, before);
  EXPECT_LT(told, before + 60'000'000);
}

}  // namespace
}  // namespace moult
