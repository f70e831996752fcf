// Versions beside each other, and that they go for good.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "tests/abi/fixture.h"

namespace moult::abi {
namespace {

namespace fs = std::filesystem;

/// What the version plugin says about itself after `records` more records.
std::map<std::string, std::string> state_after(Loader& loader, Instance& instance,
                                               std::size_t records) {
  RawBatch batch(std::vector<std::string>(records, "42"));
  EXPECT_TRUE(instance.consume(batch.raw()));
  return loader.sink.find("state")->fields;
}

bool is_mapped(const fs::path& directory) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(directory.string()) != std::string::npos) return true;
  }
  return false;
}

void publish(const std::string& name, const fs::path& as) {
  fs::copy_file(plugin_path(name), as.string() + ".new", fs::copy_options::overwrite_existing);
  fs::rename(as.string() + ".new", as);
}

TEST(TwoVersions, OfOnePathShareNothing) {
  Loader loader;
  const fs::path file = loader.dir / "orders.so";
  publish("version_v1", file);
  auto first = loader.load(file, "{}", 1);
  ASSERT_TRUE(first) << first.error().message;
  publish("version_v2", file);
  auto second = loader.load(file, "{}", 2);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ((*first)->plugin_version(), "1.0.0");
  EXPECT_EQ((*second)->plugin_version(), "2.0.0");
  EXPECT_NE((*first)->build_id(), (*second)->build_id());
  {
    auto one = (*first)->create(loader.lane, loader.cancel);
    auto two = (*second)->create(loader.lane, loader.cancel);
    ASSERT_TRUE(one && two);
    EXPECT_EQ(state_after(loader, **one, 3)["calls"], "3");
    auto state = state_after(loader, **two, 5);
    EXPECT_EQ(state["calls"], "5") << "the static of an inline function is shared";
    EXPECT_EQ(state["version"], "2");
    EXPECT_EQ(state["held"], "200") << "the static of a template is shared";
    state = state_after(loader, **one, 1);
    EXPECT_EQ(state["calls"], "4");
    EXPECT_EQ(state["version"], "1");
    EXPECT_EQ(state["held"], "101");
  }
  EXPECT_TRUE(is_mapped(loader.staging()));
  first->reset();
  second->reset();
  EXPECT_FALSE(is_mapped(loader.staging()));
  EXPECT_EQ(loader.staged(), 0U);
  EXPECT_EQ(loader.unloads->clean, 2U);
  EXPECT_EQ(loader.unloads->pinned, 0U);
}

TEST(TwoVersions, OfTheSameBytesAreSeparateToo) {
  Loader loader;
  auto first = loader.load(plugin_path("version_v1"), "{}", 1);
  auto second = loader.load(plugin_path("version_v1"), "{}", 2);
  ASSERT_TRUE(first && second);
  auto one = (*first)->create(loader.lane, loader.cancel);
  auto two = (*second)->create(loader.lane, loader.cancel);
  EXPECT_EQ(state_after(loader, **one, 3)["calls"], "3");
  EXPECT_EQ(state_after(loader, **two, 3)["calls"], "3");
}

TEST(Unload, LeavesNothingAfterManyRounds) {
  Loader loader;
  constexpr std::uint32_t kRounds = 50;
  for (std::uint32_t round = 1; round <= kRounds; round++) {
    auto generation = loader.load(plugin_path("version_v2"), "{}", round);
    ASSERT_TRUE(generation);
    auto instance = (*generation)->create(loader.lane, loader.cancel);
    ASSERT_EQ(state_after(loader, **instance, 2)["calls"], "2") << "statics of the round before";
  }
  EXPECT_EQ(loader.unloads->clean, kRounds);
  EXPECT_FALSE(is_mapped(loader.staging()));
}

/// The file may be written over while it runs: the copy is another file.
TEST(Unload, OverwritingTheSourceChangesNothing) {
  Loader loader;
  const fs::path file = loader.dir / "orders.so";
  fs::copy_file(plugin_path("version_v1"), file);
  const auto generation = loader.load(file);
  ASSERT_TRUE(generation);
  auto instance = (*generation)->create(loader.lane, loader.cancel);
  write_file(file, "no longer a plugin");
  EXPECT_EQ(state_after(loader, **instance, 2)["version"], "1");
}

TEST(Unload, IsCleanWhenThreadsEndedFirst) {
  Loader loader;
  auto generation = loader.load(plugin_path("pinned"));
  ASSERT_TRUE(generation) << generation.error().message;
  std::thread worker([&] {
    auto instance = (*generation)->create(loader.lane, loader.cancel);
    RawBatch batch({"a value that is too long to be kept inside of the string object"});
    EXPECT_TRUE((*instance)->consume(batch.raw()));
  });
  worker.join();
  generation->reset();
  EXPECT_EQ(loader.unloads->clean, 1U);
  EXPECT_FALSE(loader.sink.find("plugin stays mapped after its unload"));
}

/// Loaded and unloaded from a thread that goes on, as the daemon's control thread does.
TEST(Unload, IsCleanWhenAStaticConstructorTouchedAThreadLocal) {
  Loader loader;
  auto generation = loader.load(plugin_path("trial_thread_local_at_load"));
  ASSERT_TRUE(generation) << generation.error().message;
  generation->reset();
  EXPECT_EQ(loader.unloads->clean, 1U);
  EXPECT_EQ(loader.unloads->pinned, 0U);
  EXPECT_FALSE(is_mapped(loader.staging()));
}

/// H14: what real handlers use, in rounds, with one worker thread each as the daemon has them.
class RealHandlers : public testing::TestWithParam<const char*> {};

TEST_P(RealHandlers, AreUnloadedCleanly) {
  const fs::path plugin = plugin_path(GetParam());
  if (!fs::exists(plugin)) GTEST_SKIP() << "no compiler for it";
  Loader loader;
  constexpr std::uint32_t kRounds = 20;
  for (std::uint32_t round = 1; round <= kRounds; round++) {
    auto generation = loader.load(plugin, "{}", round);
    ASSERT_TRUE(generation) << generation.error().message;
    std::thread worker([&] {
      auto instance = (*generation)->create(loader.lane, loader.cancel);
      ASSERT_TRUE(instance) << instance.error().message;
      RawBatch batch({"17", "25"});
      EXPECT_TRUE((*instance)->consume(batch.raw()));
      for (const moult_outcome& outcome : batch.outcomes()) EXPECT_EQ(outcome.code, MOULT_OK);
      (*instance)->revoked(EndReason::kReplaced, 1000);
    });
    worker.join();
    generation->reset();
    ASSERT_FALSE(is_mapped(loader.staging())) << "round " << round;
  }
  EXPECT_EQ(loader.unloads->clean, kRounds);
  EXPECT_EQ(loader.unloads->pinned, 0U);
}

INSTANTIATE_TEST_SUITE_P(H14, RealHandlers, testing::Values("thorough", "thorough_rust"),
                         [](const auto& test) { return test.param; });

TEST(Unload, ReportsAPluginThatStays) {
  Loader loader;
  // A thread of its own, so that the thread_local does not outlive this test.
  std::thread worker([&] {
    auto generation = loader.load(plugin_path("pinned"));
    ASSERT_TRUE(generation) << generation.error().message;
    {
      auto instance = (*generation)->create(loader.lane, loader.cancel);
      RawBatch batch({"value"});
      EXPECT_TRUE((*instance)->consume(batch.raw()));
    }
    generation->reset();
  });
  worker.join();
  EXPECT_EQ(loader.unloads->pinned, 1U);
  EXPECT_EQ(loader.unloads->clean, 0U);
  const auto line = loader.sink.find("plugin stays mapped after its unload");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->severity, Severity::kWarning);
  EXPECT_EQ(line->fields.at("handler"), "orders");
  EXPECT_EQ(loader.staged(), 0U);
}

}  // namespace
}  // namespace moult::abi
