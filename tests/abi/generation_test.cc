// A loaded generation: what it knows of its plugin, what reaches the plugin, what comes back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sdk/include/moult/moult.h"
#include "tests/abi/fixture.h"

namespace moult::abi {
namespace {

using testing::HasSubstr;

std::string value_of(const Loader& loader, const std::string& message) {
  const auto line = loader.sink.find(message);
  return line ? line->fields.at("value") : "";
}

TEST(Generation, KnowsItsPlugin) {
  Loader loader;
  const auto minimal = loader.load(plugin_path("minimal"), "{}", 7);
  ASSERT_TRUE(minimal) << minimal.error().message;
  EXPECT_EQ((*minimal)->number(), 7U);
  EXPECT_EQ((*minimal)->plugin_name(), "minimal");
  EXPECT_EQ((*minimal)->plugin_version(), "1.2.3");
  EXPECT_EQ((*minimal)->build_id().size(), 40U) << (*minimal)->build_id();
  EXPECT_EQ((*minimal)->capabilities(), 0U);
  const auto talker = loader.load(plugin_path("talker"));
  ASSERT_TRUE(talker) << talker.error().message;
  EXPECT_EQ((*talker)->capabilities(), MOULT_CAP_HEADERS | MOULT_CAP_PADDED);
  EXPECT_NE((*talker)->build_id(), (*minimal)->build_id());
}

TEST(Generation, RunsBatches) {
  Loader loader;
  const auto generation = loader.load(plugin_path("minimal"));
  ASSERT_TRUE(generation) << generation.error().message;
  auto instance = (*generation)->create(loader.lane, loader.cancel);
  ASSERT_TRUE(instance) << instance.error().message;
  (*instance)->assigned();  // the plugin has none: skipped
  RawBatch batch({"a", "b", "c"});
  EXPECT_TRUE((*instance)->consume(batch.raw()));
  for (const moult_outcome& outcome : batch.outcomes()) EXPECT_EQ(outcome.code, MOULT_OK);
  (*instance)->revoked(EndReason::kRevoked, 1000);
}

TEST(Generation, PassesEverythingOn) {
  Loader loader;
  const auto generation = loader.load(plugin_path("talker"), R"({"a":1})", 5);
  ASSERT_TRUE(generation) << generation.error().message;
  auto instance = (*generation)->create(loader.lane, loader.cancel);
  ASSERT_TRUE(instance) << instance.error().message;
  EXPECT_EQ(value_of(loader, "create"), R"(orders.created/3@17 settings {"a":1} size 7)");
  (*instance)->assigned();
  EXPECT_EQ(value_of(loader, "assigned"), "orders.created");
  RawBatch batch({"a"});
  EXPECT_FALSE((*instance)->consume(batch.raw())) << "MOULT_FAILURE is no success";
  EXPECT_EQ(value_of(loader, "consume"), "cancelled 0 extension 0 now 1");
  loader.cancel.value = true;
  EXPECT_FALSE((*instance)->consume(batch.raw()));
  EXPECT_EQ(value_of(loader, "consume"), "cancelled 1 extension 0 now 1");
  (*instance)->revoked(EndReason::kLost, 250);
  EXPECT_EQ(value_of(loader, "revoked"), "reason 2 deadline 250");
}

TEST(Generation, TellsWhoLogs) {
  Loader loader;
  const auto generation = loader.load(plugin_path("talker"), "{}", 5);
  ASSERT_TRUE(generation);
  const auto instance = (*generation)->create(loader.lane, loader.cancel);
  const auto line = loader.sink.find("create");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->component, Component::kHandler);
  EXPECT_EQ(line->severity, Severity::kWarning);
  EXPECT_EQ(line->fields.at("handler"), "orders");
  EXPECT_EQ(line->fields.at("topic"), "orders.created");
  EXPECT_EQ(line->fields.at("partition"), "3");
  EXPECT_EQ(line->fields.at("generation"), "5");
}

TEST(Generation, BoundsLogLines) {
  Loader loader;
  const auto generation = loader.load(plugin_path("talker"));
  ASSERT_TRUE(generation);
  { const auto instance = (*generation)->create(loader.lane, loader.cancel); }
  const auto line = loader.sink.find(std::string(4096, 'b'));
  ASSERT_TRUE(line) << "the message is not cut at 4096 bytes";
  EXPECT_EQ(line->field_count, 4U + 16U);
  EXPECT_EQ(line->fields.at(std::string(64, 'b')), std::string(1024, 'b'));
  EXPECT_TRUE(loader.sink.find("no fields"));
}

TEST(Generation, SaysWhyCreateFailed) {
  Loader loader;
  const auto said = [&](const std::string& settings) {
    const auto generation = loader.load(plugin_path("talker"), settings);
    const auto instance = (*generation)->create(loader.lane, loader.cancel);
    return instance ? "" : instance.error().message;
  };
  EXPECT_EQ(said("{\"fail\":1}"),
            "handler orders (talker 1.0.0): create failed for orders.created/3: "
            "the database said no");
  EXPECT_THAT(said("{\"mute\":1}"), HasSubstr("it gave no reason"));
  EXPECT_THAT(said("{\"flood\":1}"), testing::EndsWith(": " + std::string(1024, 'x')));
}

TEST(Generation, EndsExceptionsThatComeThroughTheAbi) {
  Loader loader;
  const auto throwing = loader.load(plugin_path("raw_throw"), "throw");
  ASSERT_TRUE(throwing);
  const auto none = (*throwing)->create(loader.lane, loader.cancel);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("create threw this"));

  const auto generation = loader.load(plugin_path("raw_throw"));
  ASSERT_TRUE(generation);
  auto instance = (*generation)->create(loader.lane, loader.cancel);
  ASSERT_TRUE(instance);
  const auto last = [&] { return *loader.sink.find("an exception came through the C ABI"); };
  (*instance)->assigned();
  EXPECT_EQ(last().fields.at("function"), "assigned");
  RawBatch batch({"a"});
  EXPECT_FALSE((*instance)->consume(batch.raw()));
  EXPECT_EQ(last().fields.at("error"), "it threw: consume threw this");
  (*instance)->revoked(EndReason::kStopping, 0);
  EXPECT_EQ(last().fields.at("function"), "revoked");
  instance->reset();
  EXPECT_EQ(last().fields.at("function"), "destroy");
}

}  // namespace
}  // namespace moult::abi
