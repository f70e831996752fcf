// The private copy: where it is, how it is named, who may touch it, what can go wrong.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <regex>
#include <set>
#include <thread>

#include "runtime/plugin/stage.h"
#include "tests/abi/fixture.h"

namespace moult::abi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

std::string message_of(const Result<StagedPlugin>& result) {
  return result ? "" : result.error().message;
}

/// Runs `body` in a process of its own, whose limits it may change; true when it returned true.
bool holds_in_child(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body() ? 0 : 1);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status == 0;
}

TEST(Staging, CopiesPrivately) {
  TempDir dir;
  const auto copy = stage_plugin(plugin_path("minimal"), dir / "made/staging");
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_EQ(read_file(copy->path()), read_file(plugin_path("minimal")));
  EXPECT_EQ(mode_of(copy->path()), 0500U);
  EXPECT_EQ(mode_of(dir / "made/staging"), 0700U);
  EXPECT_EQ(copy->size(), fs::file_size(copy->path()));
  const std::regex shape(copy->content_hash() + "-" + std::to_string(::getpid()) + "-[0-9]+\\.so");
  EXPECT_TRUE(std::regex_match(copy->path().filename().string(), shape)) << copy->path();
}

TEST(Staging, NeverUsesANameAgain) {
  TempDir dir;
  std::set<fs::path> names;
  for (int i = 0; i < 100; i++) {
    const auto copy = stage_plugin(plugin_path("minimal"), dir / "staging");
    ASSERT_TRUE(copy) << copy.error().message;
    EXPECT_TRUE(names.insert(copy->path()).second) << copy->path();
  }
  EXPECT_TRUE(fs::is_empty(dir / "staging")) << "copies are removed with their owner";
}

TEST(Staging, NamesContent) {
  TempDir dir;
  write_file(dir / "a.so", "one content");
  write_file(dir / "b.so", "one content");
  write_file(dir / "c.so", "one contenu");
  const auto a = stage_plugin(dir / "a.so", dir / "staging");
  const auto b = stage_plugin(dir / "b.so", dir / "staging");
  const auto c = stage_plugin(dir / "c.so", dir / "staging");
  ASSERT_TRUE(a && b && c);
  EXPECT_EQ(a->content_hash(), b->content_hash());
  EXPECT_NE(a->content_hash(), c->content_hash());
  EXPECT_NE(a->path(), b->path());
}

TEST(Staging, ResolvesSymlinks) {
  TempDir dir;
  fs::create_directories(dir / "releases/7");
  fs::copy_file(plugin_path("minimal"), dir / "releases/7/orders.so");
  fs::create_directory_symlink(dir / "releases/7", dir / "current");
  const auto copy = stage_plugin(dir / "current/orders.so", dir / "staging");
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_EQ(copy->source(), fs::canonical(dir / "releases/7/orders.so"));
}

/// The writer goes on all the while, so some copy must meet it; none that met it may pass.
TEST(Staging, RefusesAFileThatIsBeingWritten) {
  constexpr int kTries = 50;
  constexpr std::size_t kSize = 16ULL * 1024 * 1024;
  TempDir dir;
  const fs::path file = dir / "growing.so";
  write_file(file, std::string(kSize, 'x'));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    const int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    while (!stop) EXPECT_EQ(::write(fd, "y", 1), 1);
    ::close(fd);
  });
  std::string message;
  for (int i = 0; i < kTries && message.empty(); i++) {
    message = message_of(stage_plugin(file, dir / "staging"));
  }
  stop = true;
  writer.join();
  EXPECT_THAT(message, HasSubstr("refused by rule changed-while-copied: "));
  EXPECT_TRUE(fs::is_empty(dir / "staging"));
}

TEST(Staging, RefusesADirectoryThatOthersWriteTo) {
  TempDir dir;
  fs::create_directory(dir / "staging");
  fs::permissions(dir / "staging", fs::perms::group_write, fs::perm_options::add);
  EXPECT_THAT(message_of(stage_plugin(plugin_path("minimal"), dir / "staging")),
              HasSubstr("refused by rule staging-directory: "));
}

TEST(Staging, RefusesAFileAsDirectory) {
  TempDir dir;
  write_file(dir / "staging", "");
  EXPECT_THAT(message_of(stage_plugin(plugin_path("minimal"), dir / "staging")),
              HasSubstr("refused by rule staging-directory: "));
}

/// Stages into a fresh tmpfs, in a mount namespace of its own; true when `rule` refused it.
bool refused_on_mount(const std::string& rule, unsigned long flags, const char* options) {
  TempDir dir;
  fs::create_directory(dir / "staging");
  return holds_in_child([&] {
    const int spaces = CLONE_NEWNS | (::geteuid() == 0 ? 0 : CLONE_NEWUSER);
    if (::unshare(spaces) != 0) return false;
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
    const std::string place = (dir / "staging").string();
    if (::mount("tmpfs", place.c_str(), "tmpfs", flags, options) != 0) return false;
    const std::string message = message_of(stage_plugin(plugin_path("minimal"), place));
    return message.find("refused by rule " + rule + ": ") != std::string::npos &&
           fs::is_empty(place);
  });
}

TEST(Staging, RefusesANoexecMount) {
  EXPECT_TRUE(refused_on_mount("staging-noexec", MS_NOEXEC, "mode=700"));
}

TEST(Staging, SaysWhenTheFileSystemIsFull) {
  EXPECT_TRUE(refused_on_mount("staging-space", 0, "mode=700,size=8k"));
}

TEST(Staging, SaysWhenAFileLimitIsPassed) {
  TempDir dir;
  EXPECT_TRUE(holds_in_child([&] {
    const rlimit limit = {4096, 4096};
    ::signal(SIGXFSZ, SIG_IGN);
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    const std::string message = message_of(stage_plugin(plugin_path("minimal"), dir / "staging"));
    return message.find("refused by rule staging-space: ") != std::string::npos &&
           fs::is_empty(dir / "staging");
  }));
}

/// Whichever open is the first without a descriptor.
TEST(Staging, SaysWhenDescriptorsEnd) {
  TempDir dir;
  fs::create_directory(dir / "staging");
  fs::permissions(dir / "staging", fs::perms::owner_all);
  for (rlim_t spare = 0; spare < 3; spare++) {
    EXPECT_TRUE(holds_in_child([&] {
      const int next = ::dup(0);
      ::close(next);
      const rlim_t count = static_cast<rlim_t>(next) + spare;
      const rlimit limit = {count, count};
      if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
      const std::string message = message_of(stage_plugin(plugin_path("minimal"), dir / "staging"));
      return message.find("refused by rule too-many-files: ") != std::string::npos;
    })) << spare;
  }
}

TEST(Sweep, RemovesWhatTheDeadLeftAndNothingElse) {
  TempDir dir;
  const fs::path staging = dir / "staging";
  const auto live = stage_plugin(plugin_path("minimal"), staging);
  ASSERT_TRUE(live);
  EXPECT_TRUE(holds_in_child([&] {
    // Ends without destructors, as by SIGKILL.
    new Result<StagedPlugin>(stage_plugin(plugin_path("minimal"), staging));
    write_file(staging / "123-456.part", "half a copy");
    return true;
  }));
  write_file(staging / "notes.txt", "somebody's");
  EXPECT_EQ(sweep_staging(staging), 2U);
  EXPECT_TRUE(fs::exists(live->path()));
  EXPECT_TRUE(fs::exists(staging / "notes.txt"));
  EXPECT_EQ(sweep_staging(staging), 0U);
  EXPECT_EQ(sweep_staging(dir / "absent"), 0U);
}

}  // namespace
}  // namespace moult::abi
