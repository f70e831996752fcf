// The units, under the systemd of a booted machine.
#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>

#include "tests/deploy/service_fixture.h"
#include "tests/kafka/reload_fixture.h"
#include "tests/support/oracle.h"
#include "tests/support/wait.h"

namespace moult::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(Service, StartedWhenThePollLoopsRunAndSaysHowItIs) {
  make_topic(4);
  configure(inside());
  ASSERT_EQ(systemctl("start"), 0);
  EXPECT_EQ(property("ActiveState"), "active");
  send(100);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_TRUE(wait_status("ready, 4 lanes, lag 0; ledger generation 1")) << property("StatusText");
  EXPECT_EQ(machine_.shell("moult health").status, 0);
  stop_service();
  expect_complete();
  expect_no_duplicates();
}

TEST_F(Service, StartsWithoutABrokerAndSaysSo) {
  DaemonSpec spec = inside();
  spec.kafka["bootstrap.servers"] = "127.0.0.1:1";
  configure(spec);
  ASSERT_EQ(systemctl("start"), 0);
  EXPECT_TRUE(wait_status("not ready")) << property("StatusText");
  EXPECT_EQ(property("ActiveState"), "active");
  EXPECT_EQ(property("NRestarts"), "0");
  EXPECT_EQ(systemctl("stop"), 0);
  EXPECT_EQ(property("Result"), "success");
}

TEST_F(Service, ReloadUnderTrafficCostsNothing) {
  make_topic(4);
  const auto version = [this](const std::string& tag) {
    DaemonSpec daemon = inside({{"tag", tag}});
    never_missed(daemon);
    return daemon;
  };
  configure(version("v1"));
  ASSERT_EQ(systemctl("start"), 0);
  send(100);
  ASSERT_TRUE(wait_all_handled());
  const std::size_t generations = cluster_.generations(group_);
  const pid_t pid = main_pid();
  {
    Traffic traffic([this] { send(500); });
    configure(version("v2"));
    ASSERT_EQ(systemctl("reload"), 0) << journal();
    EXPECT_EQ(property("ActiveState"), "active");
    EXPECT_TRUE(
        ledger_.wait([](const Entries& entries) { return !of_tag(entries, "v2").empty(); }, kLong));
  }
  ASSERT_TRUE(wait_all_handled());
  EXPECT_TRUE(wait_status("ledger generation 2")) << property("StatusText");
  EXPECT_EQ(main_pid(), pid);
  EXPECT_EQ(cluster_.generations(group_), generations) << "no rebalance";
  stop_service();
  expect_complete();
  expect_no_duplicates();
}

TEST_F(Service, ARefusedReloadFailsAndTheOldVersionGoesOn) {
  make_topic(2);
  configure(inside({{"tag", "v1"}}));
  ASSERT_EQ(systemctl("start"), 0);
  const pid_t pid = main_pid();
  write_file(path_here("broken.so"), "no program at all");
  deploy(path_here("broken.so"));
  EXPECT_NE(systemctl("reload"), 0);
  EXPECT_EQ(property("ActiveState"), "active");
  EXPECT_EQ(property("SubState"), "running");
  EXPECT_EQ(main_pid(), pid);
  EXPECT_THAT(journal(), HasSubstr("ELF")) << "says why";
  send(100);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_THAT(of_tag(ledger_.read(), "v1"), ::testing::Not(IsEmpty()));
  stop_service();
  expect_complete();
  expect_no_duplicates();
}

TEST_F(Service, AConfigurationThatCannotWorkIsNotTriedAgain) {
  machine_.write("/etc/moult/moult.yaml", "consumers: [{grup: orders}]\n");
  EXPECT_NE(systemctl("start"), 0);
  EXPECT_EQ(property("ExecMainStatus"), "78");
  EXPECT_TRUE(always([this] { return property("NRestarts") == "0"; }, seconds(2)));
  EXPECT_EQ(property("ActiveState"), "failed");
  EXPECT_THAT(journal(), HasSubstr("grup"));
}

TEST_F(Service, TwoInstancesShareAGroup) {
  make_topic(4);
  configure(inside({{"tag", "'${MOULT_INSTANCE}'"}}));
  ASSERT_EQ(systemctl("start", "moult@a.service"), 0);
  ASSERT_EQ(systemctl("start", "moult@b.service"), 0);
  ASSERT_TRUE(wait_stable(2));
  send(400);
  ASSERT_TRUE(wait_all_handled());
  for (const char* instance : {"a", "b"}) {
    std::set<TopicPartition> partitions;
    for (const Entry& entry : of_event(of_tag(ledger_.read(), instance), Event::kRecord)) {
      partitions.insert(entry.partition());
    }
    EXPECT_THAT(partitions, SizeIs(2)) << instance;
    const auto status = fmt::format("moult status --socket /run/moult-{}/admin.sock", instance);
    EXPECT_THAT(machine_.output(status), HasSubstr(group_));
  }
  EXPECT_EQ(systemctl("reload", "moult@b.service"), 0);
  stop_service("moult@a.service");
  send(400);
  ASSERT_TRUE(wait_all_handled());
  stop_service("moult@b.service");
  expect_complete();
  expect_no_duplicates();
}

TEST_F(Service, TheJournalHasFieldsToSelectBy) {
  make_topic(1);
  configure(inside());
  ASSERT_EQ(systemctl("start"), 0);
  send(1);
  ASSERT_TRUE(wait_all_handled());
  stop_service();
  const std::string started = journal(
      "--output=json _SYSTEMD_UNIT=moult.service SYSLOG_IDENTIFIER=moult MOULT_COMPONENT=app");
  EXPECT_THAT(started, AllOf(HasSubstr(R"("MESSAGE":"started )"), HasSubstr(R"("PRIORITY":"6")"),
                             HasSubstr(R"("MOULT_LIBRDKAFKA":")")));
  EXPECT_THAT(journal("--output=json MOULT_GROUP=" + group_), HasSubstr("partition assigned"));
}

TEST_F(Service, BothUnitsAreConfined) {
  override_unit({});
  for (const std::string unit : {"moult.service", "moult@a.service"}) {
    // Tenths; the test's own drop-in opens one folder more.
    const Finished security =
        machine_.run({"systemd-analyze", "security", "--no-pager", "--threshold=20", unit});
    EXPECT_EQ(security.status, 0) << security.out;
    std::smatch level;
    ASSERT_TRUE(
        std::regex_search(security.out, level, std::regex("exposure level for [^:]*: ([0-9.]+)")));
    RecordProperty("exposure_" + unit.substr(0, 6), level[1].str());
    EXPECT_LE(std::stod(level[1]), 2.0) << security.out;
  }
}

/// What it says of a lane that lags is lost when systemd ends it. Two waits may come one after the
/// other, and what is loaded is tried before.
TEST(Units, AReloadHasEndedBeforeSystemdEndsIt) {
  for (const std::string name : {"moult.service", "moult@.service"}) {
    const std::string unit = read_file(MOULT_SOURCE_DIR "/config/systemd/" + name);
    std::smatch reload;
    std::smatch bound;
    ASSERT_TRUE(std::regex_search(unit, reload, std::regex("ExecReload=.* --timeout ([0-9]+)m\n")));
    ASSERT_TRUE(std::regex_search(unit, bound, std::regex("TimeoutStartSec=([0-9]+)min\n")));
    constexpr int kTrials = 2;
    EXPECT_LE(2 * std::stoi(reload[1]) + kTrials, std::stoi(bound[1])) << name;
  }
}

/// They are two files, because systemd can't include one in another.
TEST(Units, DifferOnlyInWhatAnInstanceHasOfItsOwn) {
  const auto settings = [](const std::string& name) {
    std::set<std::string> lines;
    std::istringstream file(read_file(MOULT_SOURCE_DIR "/config/systemd/" + name));
    for (std::string line; std::getline(file, line);) {
      if (!line.starts_with('#')) lines.insert(line);
    }
    return lines;
  };
  const auto plain = settings("moult.service");
  std::vector<std::string> differences;
  std::ranges::set_difference(settings("moult@.service"), plain, std::back_inserter(differences));
  for (const std::string& line : differences) EXPECT_THAT(line, HasSubstr("%i"));
  EXPECT_THAT(differences, SizeIs(5));
}

}  // namespace
}  // namespace moult::testing
