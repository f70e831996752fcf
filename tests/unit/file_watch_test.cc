#include "runtime/app/file_watch.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <fstream>

#include "tests/support/scratch.h"

namespace moult {
namespace {

using namespace std::chrono_literals;

class FileWatchTest : public ::testing::Test {
 protected:
  FileWatch watch(const std::vector<std::filesystem::path>& files) {
    auto opened = FileWatch::open(files);
    EXPECT_TRUE(opened.has_value());
    return std::move(*opened);
  }

  /// Whether it takes the latest changes for a change, once things are quiet.
  bool changed(FileWatch& watch) {
    pollfd readable{watch.fd(), POLLIN, 0};
    ::poll(&readable, 1, 0);  // what was written is told at once
    watch.look(now_);
    now_ += 1s;
    return watch.take(now_);
  }

  std::filesystem::path write(const std::string& name) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << "x";
    return folder_ / name;
  }

  testing::Scratch folder_;
  TimePoint now_{1h};
};

TEST_F(FileWatchTest, TellsOfWhatIsWrittenOrReplacedAndNothingElse) {
  const auto file = write("a.so");
  FileWatch files = watch({file});
  EXPECT_FALSE(changed(files));
  write("a.so");
  EXPECT_TRUE(changed(files));
  EXPECT_FALSE(changed(files)) << "once";
  write("b.so");
  EXPECT_FALSE(changed(files));
  std::filesystem::rename(folder_ / "b.so", file);
  EXPECT_TRUE(changed(files));
}

TEST_F(FileWatchTest, WaitsUntilItIsQuiet) {
  const auto file = write("a.so");
  FileWatch files = watch({file});
  EXPECT_EQ(files.due(), kNever);
  write("a.so");
  files.look(now_);
  EXPECT_FALSE(files.take(now_ + 100ms));
  write("a.so");
  files.look(now_ + 100ms);
  EXPECT_FALSE(files.take(now_ + 250ms)) << "the time begins anew";
  EXPECT_TRUE(files.take(files.due()));
}

TEST_F(FileWatchTest, AFileMayBeMissing) {
  FileWatch files = watch({folder_ / "later.so"});
  write("later.so");
  EXPECT_TRUE(changed(files));
}

TEST_F(FileWatchTest, ALinkIsWatchedAtBothEnds) {
  const auto real = write("build/a.so");
  std::filesystem::create_symlink(real, folder_ / "a.so");
  FileWatch files = watch({folder_ / "a.so"});
  write("build/a.so");
  EXPECT_TRUE(changed(files));
  std::filesystem::create_symlink(write("build/b.so"), folder_ / "new");
  std::filesystem::rename(folder_ / "new", folder_ / "a.so");
  EXPECT_TRUE(changed(files));
}

TEST_F(FileWatchTest, AFolderMayGoAndComeBack) {
  const auto file = write("build/a.so");
  FileWatch files = watch({file});
  std::filesystem::remove_all(folder_ / "build");
  EXPECT_FALSE(changed(files)) << "nothing is there to be loaded";
  write("build/a.so");
  EXPECT_TRUE(changed(files));
  write("build/a.so");
  EXPECT_TRUE(changed(files)) << "it is watched again";
}

TEST_F(FileWatchTest, ALinkThatLeadsElsewhereIsFollowed) {
  write("v1/a.so");
  write("v2/a.so");
  std::filesystem::create_symlink(folder_ / "v1/a.so", folder_ / "a.so");
  FileWatch files = watch({folder_ / "a.so"});
  std::filesystem::create_symlink(folder_ / "v2/a.so", folder_ / "new");
  std::filesystem::rename(folder_ / "new", folder_ / "a.so");
  EXPECT_TRUE(changed(files));
  write("v2/a.so");
  EXPECT_TRUE(changed(files));
}

TEST_F(FileWatchTest, WithoutTheFolderItSaysSo) {
  const auto opened = FileWatch::open({folder_ / "nowhere" / "a.so"});
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().message.find("nowhere"), std::string::npos);
}

}  // namespace
}  // namespace moult
