// A log that takes nothing more is no reason to stop consuming.
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "tests/kafka/group_fixture.h"
#include "tests/support/process.h"

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

/// A file system of a few pages.
class SmallDisk {
 public:
  explicit SmallDisk(std::filesystem::path path) : path_(std::move(path)) {
    std::filesystem::create_directory(path_);
    mounted_ = ::mount("moult-test", path_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=64k") == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  bool full() const { return std::filesystem::space(path_).available == 0; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  /// Takes all that is left.
  void fill() const {
    std::ofstream filler(path_ / "filler");
    while (filler.put('x').flush()) {
    }
  }
  /// How much more `file` takes once the disk is full.
  static std::uintmax_t left_in_last_page(const std::filesystem::path& file) {
    static const auto kPage = static_cast<std::uintmax_t>(::sysconf(_SC_PAGESIZE));
    return (kPage - std::filesystem::file_size(file) % kPage) % kPage;
  }
  /// Makes `file` longer, so that not one whole line of a log fits in its last page.
  static void leave_less_than_a_line(const std::filesystem::path& file) {
    constexpr std::uintmax_t kLess = 10;
    std::ofstream padding(file, std::ios::app);
    while (left_in_last_page(file) != kLess) padding.put('x').flush();
  }
  void free() const { std::filesystem::remove(path_ / "filler"); }

 private:
  const std::filesystem::path path_;
  bool mounted_ = false;
};

TEST_F(LogFull, N11_ADiskThatFillsHoldsBackNothingAndTheLogSaysWhatIsMissing) {
  const SmallDisk disk(scratch_ / "disk");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a file system is not allowed here";
  make_topic(2);
  Process process = start_logging_to(disk / "log");
  send(500);
  ASSERT_TRUE(wait_all_handled());
  disk.leave_less_than_a_line(disk / "log");
  disk.fill();
  const auto dump_until = [&](auto&& condition) {
    return eventually(
        [&] {
          process.signal(SIGTTIN);
          return condition();
        },
        kLong);
  };
  ASSERT_TRUE(dump_until([&] { return disk.full() && disk.left_in_last_page(disk / "log") == 0; }))
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
