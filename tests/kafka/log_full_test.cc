// A log that takes nothing more is no reason to stop consuming.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "tests/kafka/group_fixture.h"
#include "tests/support/process.h"
#include "tests/support/small_disk.h"

namespace moult::testing {
namespace {

class LogFull : public OneGroup {
 protected:
  /// A daemon whose log goes where Daemon would not let it.
  Process start_logging_to(const std::filesystem::path& log) {
    const std::filesystem::path config = scratch_ / "full.yaml";
    write_file(config, spec().yaml());
    return Process({MOULT_BINARY, "run", "--config", config.string()}, {log, log});
  }

  void stop(Process& process) {
    process.signal(SIGTERM);
    EXPECT_EQ(process.wait_exit(kLong), 0);
    ended_.insert(process.pid());
  }
};

TEST_F(LogFull, N11_ALogWithoutSpaceFromTheStartHoldsBackNothing) {
  make_topic(2);
  Process process = start_logging_to("/dev/full");
  for (int round = 0; round < 3; ++round) {
    send(500);
    ASSERT_TRUE(wait_all_handled());
    // Many lines; not before records are handled, as until the daemon listens the signal stops it.
    for (int i = 0; i < 200; ++i) process.signal(SIGTTIN);
  }
  stop(process);
  expect_complete();
  expect_no_duplicates();
}

/// How much more `file` takes once its disk is full.
std::uintmax_t left_in_last_page(const std::filesystem::path& file) {
  static const auto kPage = static_cast<std::uintmax_t>(::sysconf(_SC_PAGESIZE));
  return (kPage - std::filesystem::file_size(file) % kPage) % kPage;
}

/// Makes `file` longer, so that not one whole line of a log fits in its last page.
void leave_less_than_a_line(const std::filesystem::path& file) {
  constexpr std::uintmax_t kLess = 10;
  std::ofstream padding(file, std::ios::app);
  while (left_in_last_page(file) != kLess) padding.put('x').flush();
}

TEST_F(LogFull, N11_ADiskThatFillsHoldsBackNothingAndTheLogSaysWhatIsMissing) {
  const SmallDisk disk(scratch_ / "disk", "64k");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a file system is not allowed here";
  make_topic(2);
  Process process = start_logging_to(disk / "log");
  send(500);
  ASSERT_TRUE(wait_all_handled());
  leave_less_than_a_line(disk / "log");
  disk.fill();
  const auto dump_until = [&](auto&& condition) {
    return eventually(
        [&] {
          process.signal(SIGTTIN);
          return condition();
        },
        kLong);
  };
  ASSERT_TRUE(dump_until([&] { return disk.full() && left_in_last_page(disk / "log") == 0; }))
      << "a line was cut off where the disk ends, and so is lost";
  send(500);
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  disk.free();
  ASSERT_TRUE(dump_until(
      [&] { return read_file(disk / "log").find("log lines dropped") != std::string::npos; }));
  stop(process);
  expect_complete();
  expect_no_duplicates();
}

}  // namespace
}  // namespace moult::testing
