// Whose files are loaded, and what the .sha256 beside a plugin says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

#include "runtime/plugin/stage.h"
#include "tests/abi/fixture.h"

namespace moult::abi {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kDeploy = 4711;
constexpr uid_t kOther = 4712;

/// The rule that refuses, or "".
std::string refusing(const fs::path& plugin, const fs::path& staging,
                     const PluginTrust& trust = {}) {
  const auto copy = stage_plugin(plugin, staging, trust);
  if (copy) return "";
  const std::string& message = copy.error().message;
  const std::string mark = "refused by rule ";
  const std::size_t at = message.find(mark) + mark.size();
  return message.substr(at, message.find(':', at) - at);
}

void chmod_to(const fs::path& path, mode_t mode) { ASSERT_EQ(::chmod(path.c_str(), mode), 0); }

/// A release as Capistrano makes it: releases/1/orders.so, current → releases/1.
class Release : public testing::Test {
 protected:
  Release() {
    fs::create_directories(dir_ / "app/releases/1");
    fs::copy_file(plugin_path("minimal"), file());
    fs::create_directory_symlink(dir_ / "app/releases/1", dir_ / "app/current");
  }

  fs::path file() const { return dir_ / "app/releases/1/orders.so"; }
  fs::path configured() const { return dir_ / "app/current/orders.so"; }
  std::string rule(const PluginTrust& trust = {}) const {
    return refusing(configured(), dir_ / "staging", trust);
  }
  void chown_all(uid_t owner) const {
    fs::remove_all(dir_ / "staging");
    ASSERT_EQ(::chown(dir_.path().c_str(), owner, owner), 0);
    for (const auto& entry : fs::recursive_directory_iterator(dir_.path())) {
      ASSERT_EQ(::lchown(entry.path().c_str(), owner, owner), 0);
    }
  }
  void write_manifest(const std::string& text) const {
    write_file(file().native() + ".sha256", text);
  }
  std::string sha256sum() const {
    const std::string command = "cd " + file().parent_path().string() + " && sha256sum orders.so";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::array<char, 256> line{};
    if (std::fgets(line.data(), line.size(), pipe) == nullptr) line[0] = '\0';
    ::pclose(pipe);
    return line.data();
  }

  TempDir dir_;
};

TEST_F(Release, OfOurOwnIsTrusted) { EXPECT_EQ(rule(), ""); }

TEST_F(Release, MayNotBeWrittenByOthers) {
  chmod_to(file(), 0757);
  EXPECT_EQ(rule(), "world-writable");
  chmod_to(file(), 0775);
  EXPECT_EQ(rule(), "group-writable");
  chmod_to(file(), 0755);
  for (const char* folder : {"app/releases/1", "app/releases", "app"}) {
    for (const mode_t mode : {0775U, 0757U}) {
      chmod_to(dir_ / folder, mode);
      EXPECT_EQ(rule(), "parent-writable") << folder;
    }
    chmod_to(dir_ / folder, 01777);
    EXPECT_EQ(rule(), "") << "sticky, and what lies in it is ours";
    chmod_to(dir_ / folder, 0755);
  }
}

/// Only `current` leads through that folder.
TEST_F(Release, IsJudgedWhereASymlinkLeadsThroughToo) {
  fs::create_directories(dir_ / "links");
  fs::create_directory_symlink("../app/releases/1", dir_ / "links/current");
  const fs::path plugin = dir_ / "links/current/../1/./orders.so";
  EXPECT_EQ(refusing(plugin, dir_ / "staging"), "");
  chmod_to(dir_ / "links", 0777);
  EXPECT_EQ(refusing(plugin, dir_ / "staging"), "parent-writable");
}

class OwnedRelease : public Release {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root may give files away";
  }
};

TEST_F(OwnedRelease, OfSomebodyElseIsRefusedUnlessHeIsNamed) {
  ASSERT_EQ(::chown(file().c_str(), kDeploy, kDeploy), 0);
  EXPECT_EQ(rule(), "owner");
  EXPECT_EQ(rule({.owner = kOther}), "owner");
  EXPECT_EQ(rule({.owner = kDeploy}), "");
  chown_all(kDeploy);
  EXPECT_EQ(rule(), "parent-owner");
  EXPECT_EQ(rule({.owner = kDeploy}), "");
}

TEST_F(OwnedRelease, OfRootIsTrustedWhoeverIsNamed) { EXPECT_EQ(rule({.owner = kDeploy}), ""); }

TEST_F(OwnedRelease, IsNotFoundByALinkOfSomebodyElseInAStickyFolder) {
  ASSERT_EQ(::lchown((dir_ / "app/current").c_str(), kOther, kOther), 0);
  EXPECT_EQ(rule({.owner = kDeploy}), "parent-owner");
}

TEST_F(OwnedRelease, MayNotLieInAFolderOfSomebodyElse) {
  ASSERT_EQ(::chown((dir_ / "app/releases").c_str(), kOther, kOther), 0);
  EXPECT_EQ(rule({.owner = kDeploy}), "parent-owner");
}

TEST_F(OwnedRelease, HasABesideFileThatIsTrustedAsWell) {
  write_manifest(sha256sum());
  ASSERT_EQ(::chown((file().native() + ".sha256").c_str(), kOther, kOther), 0);
  EXPECT_EQ(rule(), "owner");
}

// ---- FILE.sha256
// -------------------------------------------------------------------------------

TEST_F(Release, IsComparedWithItsManifest) {
  write_manifest(sha256sum());
  EXPECT_EQ(rule({.owner = {}, .manifest_required = true}), "");
  std::string other = sha256sum();
  other[0] = other[0] == '0' ? '1' : '0';
  write_manifest(other);
  EXPECT_EQ(rule(), "sha256-mismatch");
}

TEST_F(Release, NeedsAManifestWhenItIsRequired) {
  EXPECT_EQ(rule({.owner = {}, .manifest_required = true}), "manifest-missing");
}

TEST_F(Release, MayHaveAManifestOfMoreFiles) {
  const std::string line = sha256sum();
  std::string upper = line.substr(0, 64);
  for (char& byte : upper) byte = static_cast<char>(::toupper(byte));
  write_manifest(std::string(64, '0') + "  other.so\n" + upper + " *release/orders.so\r\n");
  EXPECT_EQ(rule(), "");
}

TEST_F(Release, HasAManifestThatSaysSomething) {
  const std::string digest = sha256sum().substr(0, 64);
  for (const std::string& text :
       {std::string(), digest, digest + "\n", digest + "  other.so\n", digest + " orders.so\n",
        digest.substr(1) + "  orders.so\n", std::string(64, 'g') + "  orders.so\n"}) {
    write_manifest(text);
    EXPECT_EQ(rule(), "manifest-malformed") << text;
  }
}

TEST_F(Release, MayNotHaveALinkAsManifest) {
  fs::create_symlink("/etc/hostname", file().native() + ".sha256");
  EXPECT_NE(rule(), "");
}

TEST_F(Release, ChangedBesideItsManifestIsRefused) {
  write_manifest(sha256sum());
  std::string bytes = read_file(file());
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file(file(), bytes);
  EXPECT_EQ(rule(), "sha256-mismatch");
}

}  // namespace
}  // namespace moult::abi
