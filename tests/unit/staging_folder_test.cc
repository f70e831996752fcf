#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "runtime/app/staging.h"
#include "tests/support/scratch.h"

namespace moult {
namespace {

namespace fs = std::filesystem;

mode_t mode_of_folder(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

TEST(StagingFolderTest, IsMadeForItsUserAlone) {
  const testing::Scratch scratch;
  const auto made = prepare_staging(scratch / "some/where");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*made, scratch / "some/where");
  EXPECT_EQ(mode_of_folder(*made), 0700U);
}

/// `staging_path: /tmp` must not close /tmp to everybody else.
TEST(StagingFolderTest, OneThatIsThereIsLeftAsItIs) {
  const testing::Scratch scratch;
  constexpr mode_t kShared = 01777;
  fs::create_directory(scratch / "shared");
  ASSERT_EQ(::chmod((scratch / "shared").c_str(), kShared), 0);
  fs::create_directory_symlink(scratch / "shared", scratch / "link");
  for (const char* name : {"shared", "shared/", "link"}) {
    EXPECT_TRUE(prepare_staging(scratch / name)) << name;
    EXPECT_EQ(mode_of_folder(scratch / "shared"), kShared) << name;
  }
}

TEST(StagingFolderTest, AFileIsNone) {
  const testing::Scratch scratch;
  testing::write_file(scratch / "file", "");
  for (const char* name : {"file", "file/below"}) {
    const auto refused = prepare_staging(scratch / name);
    ASSERT_FALSE(refused) << name;
    EXPECT_THAT(refused.error().message,
                ::testing::AllOf(::testing::HasSubstr("Not a directory"),
                                 ::testing::HasSubstr("set staging_path")));
  }
}

}  // namespace
}  // namespace moult
