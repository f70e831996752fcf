// Self-test, and the state that one generation's instance hands to the next one's: what the host
// gives to the plugin, what it takes from it, and what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>

#include "sdk/include/moult/moult.h"
#include "tests/abi/fixture.h"

namespace moult::abi {
namespace {

/// A generation of a plugin and one instance of it.
class Running {
 public:
  Running(Loader& loader, const std::string& plugin, const std::string& settings) {
    auto generation = loader.load(plugin_path(plugin), settings);
    if (!generation) throw std::runtime_error(generation.error().message);
    generation_ = *generation;
    auto instance = generation_->create(loader.lane, loader.cancel);
    if (!instance) throw std::runtime_error(instance.error().message);
    instance_ = std::move(*instance);
  }

  Generation& generation() { return *generation_; }
  Instance& operator*() { return *instance_; }
  Instance* operator->() { return instance_.get(); }

 private:
  std::shared_ptr<Generation> generation_;
  std::unique_ptr<Instance> instance_;
};

std::string error_of(const Status& status) { return status ? "" : status.error().message; }

/// What the keeper counted after `records` more.
std::string kept_after(Loader& loader, Instance& instance, std::size_t records) {
  RawBatch batch(std::vector<std::string>(records, "value"));
  EXPECT_TRUE(instance.consume(batch.raw()));
  return loader.sink.find("kept")->fields.at("records");
}

TEST(SelfTest, IsOkWithoutOne) {
  Loader loader;
  EXPECT_EQ(error_of(Running(loader, "minimal", "")->self_test()), "");
  EXPECT_EQ(error_of(Running(loader, "keeper", "")->self_test()), "");
}

TEST(SelfTest, SaysWhatItFound) {
  Loader loader;
  const auto said = [&](const std::string& settings) {
    return error_of(Running(loader, "keeper", settings)->self_test());
  };
  EXPECT_EQ(said("self-test fails"), "no database");
  EXPECT_EQ(said("self-test throws"), "it threw: self_test threw this");
  EXPECT_EQ(said("self-test is mute"), "it gave no reason");
}

TEST(State, GoesFromOneGenerationToTheNext) {
  Loader loader;
  Running old(loader, "keeper", "");
  EXPECT_TRUE(old.generation().keeps_state());
  EXPECT_EQ(kept_after(loader, *old, 12), "12");
  auto state = old->export_state();
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->schema, "keeper.records");
  EXPECT_EQ(state->version, 1U);
  EXPECT_EQ(state->bytes, "12") << "written a byte at a time";
  Running next(loader, "keeper", "");
  EXPECT_EQ(error_of(next->import_state(*state)), "");
  EXPECT_EQ(kept_after(loader, *next, 3), "15");
  EXPECT_EQ(kept_after(loader, *old, 1), "13") << "the old one can't go on";
}

TEST(State, MayBeEmpty) {
  Loader loader;
  const auto state = Running(loader, "keeper", "nothing to say")->export_state();
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->bytes, "");
}

TEST(State, IsRefusedByTheOneWhoDoesNotKnowIt) {
  Loader loader;
  Running next(loader, "keeper", "");
  const auto refusal = [&](const std::string& settings) {
    const auto state = Running(loader, "keeper", settings)->export_state();
    EXPECT_TRUE(state) << state.error().message;
    return error_of(next->import_state(*state));
  };
  EXPECT_EQ(refusal("other"), "unknown schema someone.else");
  EXPECT_EQ(refusal("newer"), "version 2");
  EXPECT_EQ(error_of(Running(loader, "keeper", "import throws")->import_state({})),
            "it threw: state_import threw this");
}

TEST(State, IsNothingToAPluginThatKeepsNone) {
  Loader loader;
  Running running(loader, "minimal", "");
  EXPECT_FALSE(running.generation().keeps_state());
  EXPECT_FALSE(running->export_state());
  EXPECT_FALSE(running->import_state({"keeper.records", 1, "1"}));
}

/// Functions in the table are not called for a plugin that did not declare the capability: it is
/// the note that the host goes by.
TEST(State, IsNotAskedForWithoutTheCapability) {
  Loader loader;
  Running running(loader, "version_v1", "");
  EXPECT_FALSE(running.generation().keeps_state());
  const auto state = running->export_state();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().message, "it keeps no state");
  EXPECT_EQ(error_of(running->import_state({})), "it keeps no state");
}

TEST(State, MayBeAsLargeAsPromised) {
  Loader loader;
  const auto state = Running(loader, "keeper", "export is full")->export_state();
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->bytes.size(), MOULT_STATE_MAX);
}

struct BadExport {
  std::string settings;
  std::string reason;

  friend void PrintTo(const BadExport& bad, std::ostream* out) { *out << bad.settings; }
};

class Exports : public testing::TestWithParam<BadExport> {};

/// Whatever the plugin returns: in most of these it says MOULT_SUCCESS.
TEST_P(Exports, ThatBreakARuleFail) {
  Loader loader;
  const auto state = Running(loader, "keeper", GetParam().settings)->export_state();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().message, GetParam().reason);
}

INSTANTIATE_TEST_SUITE_P(
    Bad, Exports,
    testing::Values(BadExport{"export throws", "it threw: state_export threw this"},
                    BadExport{"export fails", "not now"},
                    BadExport{"export begins nothing", "it began no state"},
                    BadExport{"export writes first", "it wrote state before it began one"},
                    BadExport{"export begins twice", "it began its state twice"},
                    BadExport{"export has no name", "its state has no schema"},
                    BadExport{"export has a long name",
                              "the name of its state's schema is too long"},
                    BadExport{"export is too large", "its state is over 64 MiB"},
                    BadExport{"export is huge", "its state is over 64 MiB"},
                    BadExport{"export writes from nowhere", "it wrote state from nowhere"}));

}  // namespace
}  // namespace moult::abi
