#include "runtime/app/service_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "runtime/app/service_line.h"
#include "tests/unit/notify_socket.h"

namespace moult {
namespace {

using ::moult::testing::NotifySocket;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

DaemonStatus::Lane lane(const std::string& part, std::int64_t watermark, std::int64_t end) {
  DaemonStatus::Lane lane;
  lane.part = part;
  lane.watermark = watermark;
  lane.high_watermark = end;
  return lane;
}

DaemonStatus two_lanes() {
  DaemonStatus status;
  status.health = {true, true, {}};
  status.consumers.push_back({"orders", true, false, false, {}});
  status.consumers[0].lanes = {lane("whole", 10, 15), lane("whole", 7, 7)};
  DaemonStatus::Handler handler;
  handler.name = "orders";
  handler.generation = 3;
  status.handlers.push_back(handler);
  return status;
}

TEST(ServiceLine, SaysLanesLagAndGenerations) {
  EXPECT_EQ(service_line(two_lanes()), "ready, 2 lanes, lag 5; orders generation 3");
}

TEST(ServiceLine, CountsTheRecordsOfSlotsOnce) {
  DaemonStatus status = two_lanes();
  status.consumers[0].lanes = {lane("intake", 10, 15), lane("slot", 10, 15)};
  EXPECT_THAT(service_line(status), HasSubstr("lag 5;"));
}

TEST(ServiceLine, SaysNothingOfALagThatIsNotKnown) {
  DaemonStatus status = two_lanes();
  status.consumers[0].lanes = {lane("whole", -1, -1)};
  EXPECT_EQ(service_line(status), "ready, 1 lane; orders generation 3");
}

TEST(ServiceLine, SaysWhyNot) {
  DaemonStatus status = two_lanes();
  status.health = {true, false, {"consumer orders: 1 lanes stopped", "more"}};
  EXPECT_THAT(service_line(status),
              StartsWith("not ready (consumer orders: 1 lanes stopped; more), 2"));
  status = two_lanes();
  status.consumers[0].quiet = true;
  EXPECT_THAT(service_line(status), StartsWith("quiet, 2 lanes"));
}

TEST(ServiceLine, NamesSomeOfManyHandlers) {
  DaemonStatus status = two_lanes();
  status.handlers.resize(11, status.handlers[0]);
  EXPECT_THAT(service_line(status), HasSubstr(", and 3 more handlers"));
}

class QuietSink final : public LogSink {
 public:
  void write(Component, Severity severity, std::string_view,
             std::span<const Field>) noexcept override {
    if (severity >= Severity::kError) ++errors;
  }
  bool enabled(Component, Severity) const noexcept override { return true; }

  int errors = 0;
};

/// Poll loops that answer when the test says so.
class ServiceReportTest : public ::testing::Test {
 protected:
  ServiceReportTest()
      : report_(ServiceNotifier::from_environment(), Logger(sink_, Component::kApp)) {
    report_.ask_by([this](auto then) { asked_.push_back(std::move(then)); });
  }

  void start() {
    report_.step(now_);
    answer();
    EXPECT_THAT(socket_.take(), StartsWith("READY=1\nSTATUS=ready, 2 lanes"));
    EXPECT_EQ(socket_.take(), "WATCHDOG=1");
  }
  void answer(const DaemonStatus& status = two_lanes()) {
    asked_.back()(status);
    report_.step(now_);
  }
  void pass(Duration time) {
    now_ += time;
    report_.step(now_);
  }

  NotifySocket socket_{3'000'000};  // asked every second
  QuietSink sink_;
  TimePoint now_{seconds(1'000)};
  std::vector<std::function<void(DaemonStatus)>> asked_;
  ServiceReport report_;
};

TEST_F(ServiceReportTest, ReadyWhenEveryPollLoopHasAnswered) {
  report_.step(now_);
  pass(milliseconds(100));
  EXPECT_EQ(socket_.take(), "") << "not before";
  ASSERT_THAT(asked_, SizeIs(1));
  answer();
  EXPECT_THAT(socket_.take(), StartsWith("READY=1"));
}

TEST_F(ServiceReportTest, FeedsTheWatchdogForEachAnswer) {
  start();
  EXPECT_EQ(report_.due(), now_ + seconds(1));
  pass(seconds(1));
  EXPECT_EQ(socket_.take(), "") << "asked, not answered";
  answer();
  EXPECT_EQ(socket_.take(), "WATCHDOG=1") << "and the line is the same";
  EXPECT_EQ(socket_.take(), "");
}

TEST_F(ServiceReportTest, NoAnswerNoFood) {
  start();
  for (int second = 0; second < 10; ++second) {
    pass(seconds(1));
    EXPECT_EQ(socket_.take().find("WATCHDOG"), std::string::npos);
  }
  EXPECT_THAT(asked_, SizeIs(2)) << "one question at a time";
  EXPECT_GT(sink_.errors, 0);
  answer();
  while (socket_.take() != "WATCHDOG=1") ASSERT_LT(asked_.size(), 3U);
}

TEST_F(ServiceReportTest, TellsWhenTheLineChanges) {
  start();
  pass(seconds(1));
  DaemonStatus status = two_lanes();
  status.health = {true, false, {"the cluster is away"}};
  answer(status);
  EXPECT_THAT(socket_.take(), StartsWith("STATUS=not ready (the cluster is away)"));
}

TEST_F(ServiceReportTest, AReloadEndsWithReady) {
  start();
  report_.reload_began();
  EXPECT_THAT(socket_.take(), StartsWith("RELOADING=1\nMONOTONIC_USEC="));
  report_.reload_ended();
  EXPECT_THAT(socket_.take(), StartsWith("READY=1\nSTATUS=ready"));
  ASSERT_THAT(asked_, SizeIs(1));
  report_.step(now_);
  ASSERT_THAT(asked_, SizeIs(2)) << "at once: the line is of before";
  DaemonStatus status = two_lanes();
  status.handlers[0].generation = 4;
  answer(status);
  EXPECT_THAT(socket_.take(), HasSubstr("orders generation 4"));
  report_.step(now_);
  EXPECT_THAT(asked_, SizeIs(2)) << "and once";
}

TEST_F(ServiceReportTest, AReloadBeforeTheStartIsNotTheEndOfIt) {
  report_.reload_began();
  report_.reload_ended();
  EXPECT_EQ(socket_.take(), "");
}

TEST_F(ServiceReportTest, NothingIsToldAfterStopping) {
  start();
  report_.stopping(seconds(25));
  EXPECT_THAT(socket_.take(), StartsWith("STOPPING=1\nEXTEND_TIMEOUT_USEC=25000000"));
  report_.reload_ended();
  pass(seconds(1));
  answer();
  pass(seconds(5));
  EXPECT_EQ(socket_.take(), "");
  EXPECT_EQ(sink_.errors, 0);
}

TEST(ServiceReport, WithoutAManagerNobodyIsAsked) {
  QuietSink sink;
  ServiceReport report(ServiceNotifier::from_environment(), Logger(sink, Component::kApp));
  EXPECT_EQ(report.due(), kNever);
  report.step(Clock::now());  // would call what is not there
}

}  // namespace
}  // namespace moult
