// The example handlers do what they say, and so does the ledger that the integration tests rely on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <moult/testing.hpp>

#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/abi/fixture.h"

namespace moult::abi {
namespace {

using moult::testing::Input;
using moult::testing::Lane;
using moult::testing::LaneOptions;
using moult::testing::Outcome;
using moult::testing::Plugin;
using ::testing::ElementsAre;

std::vector<std::uint32_t> codes(const std::vector<Outcome>& outcomes) {
  std::vector<std::uint32_t> all;
  all.reserve(outcomes.size());
  for (const Outcome& outcome : outcomes) all.push_back(outcome.code);
  return all;
}

TEST(Examples, AreLoadedByTheHost) {
  Loader loader;
  for (const char* file : {MOULT_EXAMPLE_ORDERS, MOULT_EXAMPLE_COUNT, MOULT_EXAMPLE_COUNT_JSON,
                           MOULT_EXAMPLE_COUNT_KEYS, MOULT_LEDGER}) {
    EXPECT_EQ(loader.refusal(file), "");
  }
  EXPECT_EQ(loader.unloads->pinned, 0U);
}

TEST(Examples, OrdersSumsPerCurrency) {
  const Plugin plugin(MOULT_EXAMPLE_ORDERS);
  Lane lane(plugin, {R"({"currency": "CHF"})"});
  const auto outcomes = lane.consume({{"a", R"({"id": 1, "amount": 2.5, "currency": "EUR"})"},
                                      {"b", R"({"id": 2, "amount": 4})"},
                                      {"c", std::nullopt},
                                      {"d", "no JSON"},
                                      {"e", R"({"amount": 1})"}});
  EXPECT_THAT(codes(outcomes), ElementsAre(MOULT_OK, MOULT_OK, MOULT_OK, MOULT_RETRY, MOULT_UNSET));
  lane.consume({{"e", R"({"amount": 1})"}});
  lane.revoke();
  EXPECT_THAT(lane.log(), ::testing::IsSupersetOf({"2 total currency=CHF amount=5.000000",
                                                   "2 total currency=EUR amount=2.500000"}));
}

TEST(Examples, CountCounts) {
  const Plugin plugin(MOULT_EXAMPLE_COUNT);
  Lane lane(plugin);
  EXPECT_THAT(codes(lane.consume({{"a", "1"}, {"b", "22"}})), ElementsAre(MOULT_OK, MOULT_OK));
}

TEST(Examples, CountKeysKeepsItsCounts) {
  const Plugin plugin(MOULT_EXAMPLE_COUNT_KEYS);
  Lane first(plugin);
  first.consume({{"ann", "1"}, {"bob", "2"}, {"ann", "3"}, {std::nullopt, "4"}});
  const auto state = first.export_state();
  EXPECT_EQ(state.schema, "count_keys.counts");
  first.revoke(MOULT_REPLACED);
  EXPECT_THAT(first.log(), ElementsAre()) << "its counts go on elsewhere";
  Lane second(plugin, {"{}", "orders", 0, 1, state});
  second.consume({{"bob", "5"}, {"cid", "6"}});
  second.revoke(MOULT_STOPPING);
  EXPECT_THAT(second.log(),
              ElementsAre("2 counted key= records=1", "2 counted key=ann records=2",
                          "2 counted key=bob records=2", "2 counted key=cid records=1"));
}

TEST(Examples, CountKeysGoesOnWhenItsStateWasRefused) {
  const Plugin plugin(MOULT_EXAMPLE_COUNT_KEYS);
  Lane lane(plugin);
  lane.consume({{"ann", "1"}});
  const auto state = lane.export_state();
  EXPECT_THROW(Lane(plugin, {"{}", "orders", 0, 1, {{"other", 1, state.bytes}}}),
               std::runtime_error);
  EXPECT_THROW(Lane(plugin, {"{}", "orders", 0, 1, {{state.schema, 2, state.bytes}}}),
               std::runtime_error);
  for (std::size_t size = 1; size < state.bytes.size(); size++) {
    const moult::testing::HandedState cut{state.schema, 1, state.bytes.substr(0, size)};
    EXPECT_THROW(Lane(plugin, {"{}", "orders", 0, 1, cut}), std::runtime_error) << size;
  }
  lane.consume({{"ann", "2"}});
  lane.revoke(MOULT_REPLACED);  // by a version that takes no state
  EXPECT_THAT(lane.log(), ElementsAre("2 counted key=ann records=2"));
}

TEST(Examples, CountJsonReadsItsField) {
  const Plugin plugin(MOULT_EXAMPLE_COUNT_JSON);
  Lane plain(plugin);
  EXPECT_THAT(codes(plain.consume({{"a", R"({"x": "y", "n": 3})"}, {"b", R"({"x": 1})"}})),
              ElementsAre(MOULT_OK, MOULT_RETRY));
  Lane deep(plugin, {R"({"field": "/a/n"})"});
  EXPECT_THAT(codes(deep.consume({{"a", R"({"a": {"n": 3}})"}, {"b", R"({"n": 3})"}})),
              ElementsAre(MOULT_OK, MOULT_RETRY));
}

class Ledger : public ::testing::Test {
 protected:
  /// Options of a lane whose settings also hold `more`.
  LaneOptions options(const std::string& more = "") const {
    return {R"({"ledger": ")" + file_.string() + R"(", "tag": "g1")" + more + "}", "orders", 2, 9};
  }

  /// The ledger's lines as columns.
  std::vector<std::vector<std::string>> rows() const {
    std::vector<std::vector<std::string>> all;
    std::istringstream lines(read_file(file_));
    for (std::string line; std::getline(lines, line);) {
      if (line.empty()) continue;  // each write begins with one
      std::istringstream columns(line);
      auto& row = all.emplace_back();
      for (std::string column; columns >> column;) row.push_back(column);
      EXPECT_EQ(row.size(), 14U) << line;
    }
    return all;
  }

  /// `event offset attempt key sequence detail` of each line.
  std::vector<std::string> events() const {
    std::vector<std::string> all;
    for (const auto& row : rows()) {
      all.push_back(row[0] + " " + row[6] + " " + row[9] + " " + row[10] + " " + row[11] + " " +
                    row[12]);
    }
    return all;
  }

  TempDir dir_;
  const std::filesystem::path file_ = dir_ / "ledger";
  const Plugin plugin_{MOULT_LEDGER};
};

TEST_F(Ledger, WritesEverything) {
  {
    Lane lane(plugin_, options());
    lane.consume({{"k 1", "17 apples", {}, 5}, {"", R"({"seq": 18})", {}, 7}, {std::nullopt, "x"}});
    lane.revoke(MOULT_STOPPING);
  }
  EXPECT_THAT(events(), ElementsAre("create - - - - -", "assigned - - - - -", "begin 5 1 - - 8",
                                    "record 5 1 k_1 17 -", "record 7 1 % 18 -", "record 8 1 - - -",
                                    "end 5 1 - - 8", "revoked - - - - 3", "destroy - - - - -"));
  for (const auto& row : rows()) {
    EXPECT_THAT((std::vector<std::string>(row.begin() + 1, row.begin() + 6)),
                ElementsAre(std::to_string(::getpid()), "g1", "orders", "2", "9"));
    EXPECT_LE(std::stoll(row[7]), std::stoll(row[8]));
  }
}

TEST_F(Ledger, FailsAsOftenAsTold) {
  Lane lane(plugin_, options(R"(, "fail_offset": 1, "fail_times": 2)"));
  const std::vector<Input> batch = {{"a", "0", {}, 0}, {"b", "1"}, {"c", "2"}};
  EXPECT_THAT(codes(lane.consume(batch)), ElementsAre(MOULT_OK, MOULT_RETRY, MOULT_UNSET));
  EXPECT_THAT(codes(lane.consume({{"b", "1", {}, 1, 2}})), ElementsAre(MOULT_RETRY));
  EXPECT_THAT(codes(lane.consume({{"b", "1", {}, 1, 3}})), ElementsAre(MOULT_OK));
  EXPECT_THAT(events(), ::testing::Contains("failed 1 2 b 1 retry"));
}

TEST_F(Ledger, ThrowsAsTold) {
  Lane lane(plugin_, options(R"(, "throw_offset": 1)"));
  EXPECT_THAT(codes(lane.consume({{"a", "0"}, {"b", "1"}, {"c", "2"}})),
              ElementsAre(MOULT_OK, MOULT_RETRY, MOULT_UNSET));
  EXPECT_THAT(events(), ::testing::Contains("failed 1 1 b 1 throw"));
}

TEST_F(Ledger, FailsInOnePartitionOnly) {
  Lane lane(plugin_, options(R"(, "fail_offset": 0, "fail_partition": 3)"));
  EXPECT_THAT(codes(lane.consume({{"a", "0"}})), ElementsAre(MOULT_OK));
}

TEST_F(Ledger, HangsUntilCancelled) {
  Lane lane(plugin_, options(R"(, "hang_on_offset": 1)"));
  std::vector<Outcome> outcomes;
  std::thread worker([&] { outcomes = lane.consume({{"a", "0"}, {"b", "1"}, {"c", "2"}}); });
  lane.cancel();
  worker.join();
  EXPECT_THAT(codes(outcomes), ElementsAre(MOULT_OK, MOULT_RETRY, MOULT_UNSET));
  EXPECT_THAT(events(), ::testing::Contains("cancelled 1 1 b 1 -"));
}

TEST_F(Ledger, FailsToBeMade) {
  EXPECT_THROW(Lane(plugin_, options(R"(, "fail_create": true)")), std::runtime_error);
  EXPECT_THAT(events(), ElementsAre("create - - - - -"));
  EXPECT_THROW(Lane(plugin_, options(R"(, "fail_times": "two")")), std::runtime_error);
}

}  // namespace
}  // namespace moult::abi
