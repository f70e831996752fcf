// What a handler counted goes on in its next generation, or stays with the one before.
#include <map>
#include <regex>
#include <sstream>

#include "tests/kafka/reload_fixture.h"

namespace moult::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using Counts = std::map<std::string, std::int64_t>;

class ReloadState : public OneReloads {
 protected:
  static constexpr int kPartitions = 4;
  static constexpr int kKeys = 7;  // prime: every key comes to every partition

  std::unique_ptr<Daemon> start_counting(const std::string& plugin,
                                         const Properties& settings = {}) {
    make_topic(kPartitions);
    auto daemon = start(counting(plugin, settings));
    EXPECT_TRUE(daemon->wait_log("partition assigned", kLong, kPartitions));
    return daemon;
  }

  DaemonSpec counting(const std::string& plugin, const Properties& settings = {}) const {
    DaemonSpec counting = spec();
    handler(counting).plugin = plugin;
    handler(counting).settings = settings;
    return counting;
  }

  void send_keyed(int count) {
    for (int i = 0; i < count; ++i, ++sent_records_) {
      const std::string key = "key" + std::to_string(sent_records_ % kKeys);
      producer_.send(
          {.topic = topic_, .partition = sent_records_ % kPartitions, .key = key, .value = "v"});
      ++sent_[key];
    }
    producer_.flush();
  }

  /// Stops it when it has handled all, and adds up what its lanes then told.
  Counts counted_at_the_end(Daemon& daemon) {
    EXPECT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
    stop_cleanly(daemon);
    static const std::regex kCounted("counted.* key=\"?([a-z0-9]+)\"? records=([0-9]+)");
    Counts counts;
    std::istringstream log(daemon.log());
    for (std::string line; std::getline(log, line);) {
      std::smatch found;
      if (std::regex_search(line, found, kCounted)) counts[found[1]] += std::stoll(found[2]);
    }
    return counts;
  }

  Counts sent_;

 private:
  int sent_records_ = 0;
};

TEST_F(ReloadState, H9_ACountPerKeySurvivesAHundredReloads) {
  const auto daemon = start_counting(MOULT_COUNT_KEYS);
  {
    Traffic traffic([this] { send_keyed(200); });
    for (int i = 0; i < 100; ++i) {
      configure(*daemon, counting(i % 2 == 0 ? MOULT_COUNT_KEYS_REBUILT : MOULT_COUNT_KEYS));
      ASSERT_TRUE(reload(*daemon)) << "reload " << i;
    }
  }
  EXPECT_EQ(daemon->log_count("counted"), 0U) << "nobody has told what the next one goes on with";
  EXPECT_EQ(counted_at_the_end(*daemon), sent_);
}

TEST_F(ReloadState, H9_WhoCannotReadTheCountsIsRefusedAndTheOldOneKeepsThem) {
  const auto daemon = start_counting(MOULT_COUNT_KEYS);
  send_keyed(1'000);
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  configure(*daemon, counting(MOULT_TALLY));
  {
    Traffic traffic([this] { send_keyed(200); });
    for (int i = 0; i < 10; ++i) {
      const Finished refused = ask(*daemon, "reload");
      EXPECT_EQ(refused.status, 1);
      EXPECT_THAT(refused.errors,
                  AllOf(HasSubstr("refused, generation 1"), HasSubstr("count_keys.counts")));
    }
  }
  EXPECT_EQ(counted_at_the_end(*daemon), sent_);
}

/// As when an older plugin comes back, which knows nothing of the newer one's state.
TEST_F(ReloadState, H9_ANewerVersionOfTheStateIsRefused) {
  const auto daemon = start_counting(MOULT_TALLY, {{"schema_version", "2"}});
  send_keyed(1'000);
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  configure(*daemon, counting(MOULT_TALLY, {{"schema_version", "1"}}));
  const Finished refused = ask(*daemon, "reload");
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.errors, AllOf(HasSubstr("refused, generation 1"), HasSubstr("version 2")));
  send_keyed(1'000);
  EXPECT_EQ(counted_at_the_end(*daemon), sent_);
}

/// The lanes that went over come back, with what they counted meanwhile.
TEST_F(ReloadState, H9_OneLaneThatIsRefusedBringsAllBackWithTheirCounts) {
  const auto daemon = start_counting(MOULT_TALLY);
  send_keyed(1'000);
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  configure(*daemon, counting(MOULT_TALLY, {{"refuse_partition", "3"}}));
  {
    Traffic traffic([this] { send_keyed(200); });
    for (int i = 0; i < 10; ++i) {
      const Finished refused = ask(*daemon, "reload");
      EXPECT_EQ(refused.status, 1);
      EXPECT_THAT(refused.errors, AllOf(HasSubstr("generation 1"), HasSubstr("has all lanes back"),
                                        HasSubstr("told not to take it over")));
    }
  }
  EXPECT_GT(daemon->log_count("took the counts over"), 0U) << "no lane had gone over yet";
  EXPECT_THAT(ask(*daemon, "status", {"--json"}).out, HasSubstr("\"generation\":1"));
  configure(*daemon, counting(MOULT_TALLY, {{"refuse_partition", "7"}}));
  EXPECT_EQ(ask(*daemon, "reload").status, 0) << "one that takes them all over";
  send_keyed(1'000);
  EXPECT_EQ(counted_at_the_end(*daemon), sent_);
}

TEST_F(ReloadState, H9_LanesThatCannotComeBackAreSaidToBeOnTheNewGeneration) {
  const auto daemon = start_counting(MOULT_TALLY);
  send_keyed(100);
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  const DaemonSpec first = counting(MOULT_TALLY);
  configure(*daemon, counting(MOULT_TALLY, {{"schema_version", "2"}, {"refuse_partition", "3"}}));
  const Finished refused = ask(*daemon, "reload");
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.errors, AllOf(HasSubstr("told not to take it over; on the way back: "),
                                    HasSubstr("[0] is still on the new generation"),
                                    Not(HasSubstr("[3] is still"))));
  configure(*daemon, first);
  const Finished again = ask(*daemon, "reload");
  EXPECT_EQ(again.status, 1) << "nothing is new, but not every lane is there";
  EXPECT_THAT(again.errors, AllOf(HasSubstr("of 4 lanes"), HasSubstr("refused: ")));
  configure(*daemon, counting(MOULT_COUNT_KEYS));
  EXPECT_EQ(ask(*daemon, "reload").status, 1) << "another schema";
  send_keyed(100);
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong)) << "all lanes work on";
  stop_cleanly(*daemon);
}

}  // namespace
}  // namespace moult::testing
