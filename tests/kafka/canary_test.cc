// A new generation is tried out on some lanes before it gets all of them.
#include <gmock/gmock.h>

#include <future>

#include "tests/kafka/reload_fixture.h"
#include "tests/support/reader.h"

namespace moult::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CanaryTest : public OneReloads {
 protected:
  std::unique_ptr<Daemon> start_with(const std::string& canary) {
    canary_ = canary;
    make_topic(4);
    DaemonSpec first = with_canary(spec({{"tag", "\"1\""}}));
    auto daemon = start(first);
    send(400);
    EXPECT_TRUE(wait_all_handled());
    return daemon;
  }

  DaemonSpec with_canary(DaemonSpec spec) const {
    handler(spec).options["canary"] = canary_;
    handler(spec).options["batch"] = "{max_records: 10}";
    handler(spec).options["retry"] = "{max_attempts: 1, backoff: 10ms}";
    handler(spec).options["dead_letter"] = dead_letters();
    return spec;
  }
  std::string dead_letters() const { return topic_ + ".dlq"; }

  /// The hook's exit status and words, while records go on coming.
  Finished reload_to_next(const Daemon& daemon, const Properties& settings) {
    configure(daemon, with_canary(next(settings)));
    auto hook = std::async(std::launch::async, [&] { return ask(daemon, "reload"); });
    while (hook.wait_for(10ms) != std::future_status::ready) send(200);
    return hook.get();
  }

  /// With a next version that makes this of every seventh record.
  void expect_goes_back(const std::string& fail_as);

  /// By the rules, and for those that waited for the old generation while others went on, at all.
  void expect_all_once(const std::set<RecordId>& waited = {}) {
    const Entries others = only(ledger_.read(), [&](const Entry& entry) {
      return entry.event != Event::kRecord || !waited.contains(entry.id());
    });
    EXPECT_THAT(
        violations_with_rollbacks(produced_without(waited), others, admin_.committed(group_)),
        IsEmpty());
    EXPECT_THAT(missing(producer_.produced(), ledger_.read()), IsEmpty());
    EXPECT_EQ(admin_.lag(group_, {topic_}), 0);
    expect_no_duplicates();
  }

  std::set<RecordId> failed() {
    std::set<RecordId> ids;
    for (const Entry& entry : of_event(ledger_.read(), Event::kFailed)) ids.insert(entry.id());
    return ids;
  }

  std::set<std::int32_t> partitions_of(const std::string& tag) {
    std::set<std::int32_t> partitions;
    for (const Entry& entry : of_event(of_tag(ledger_.read(), tag), Event::kBegin)) {
      partitions.insert(entry.partition().partition);
    }
    return partitions;
  }

 private:
  std::string canary_;
};

void CanaryTest::expect_goes_back(const std::string& fail_as) {
  admin_.create_topic(dead_letters(), 1);
  const auto daemon = start_with("{lanes: 1, batches: 20}");
  const std::size_t generations = cluster_.generations(group_);
  const Finished refused =
      reload_to_next(*daemon, {{"fail_every", "7"}, {"fail_times", "0"}, {"fail_as", fail_as}});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.errors, AllOf(HasSubstr("batches failed; of the old generation's 0 of"),
                                    HasSubstr("has all lanes back")));
  EXPECT_EQ(partitions_of("2").size(), 1U) << "the others never saw it";
  EXPECT_THAT(of_event(of_tag(ledger_.read(), "2"), Event::kFailed), Not(IsEmpty()));
  send(400);
  ASSERT_TRUE(wait_all_handled()) << "what failed is retried on the old generation";
  EXPECT_EQ(cluster_.generations(group_), generations) << "no rebalance";
  EXPECT_THAT(records_in(cluster_.bootstrap(), {dead_letters(), 0}), IsEmpty());
  stop_cleanly(*daemon);
  // Behind a record that it gives up the handler goes on.
  expect_all_once(fail_as == "dead_letter" ? failed() : std::set<RecordId>{});
}

TEST_F(CanaryTest, H10_AVersionFailingEverySeventhRecordGoesBackByItself) {
  expect_goes_back("retry");
}

TEST_F(CanaryTest, H10_SoDoesOneThatWouldGiveThemUp) { expect_goes_back("dead_letter"); }

TEST_F(CanaryTest, H10_SoDoesOneThatWouldStopItsLane) { expect_goes_back("stop"); }

TEST_F(CanaryTest, H10_AGoodVersionGetsTheOtherLanesAfterItsBatches) {
  // How fast it is another test's matter: here the machine may be slow just while it runs.
  const auto daemon = start_with("{lanes: 1, batches: 20, max_slowdown: unlimited}");
  const Finished good = reload_to_next(*daemon, {});
  EXPECT_EQ(good.status, 0) << good.errors;
  EXPECT_THAT(good.out, AllOf(HasSubstr("active on 4 lanes"), HasSubstr("as a canary it handled"),
                              HasSubstr("0 failed")));
  send(400);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_EQ(partitions_of("2").size(), 4U);
  stop_cleanly(*daemon);
  expect_complete();
  expect_no_duplicates();
}

TEST_F(CanaryTest, H10_AVersionThatIsFarSlowerGoesBack) {
  const auto daemon = start_with("{share: 50%, batches: 20, for: 10m, max_slowdown: 5}");
  const Finished refused = reload_to_next(*daemon, {{"sleep_us_per_record", "5000"}});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.errors, HasSubstr("us a record, the old generation"));
  EXPECT_EQ(partitions_of("2").size(), 2U);
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  expect_all_once();
}

TEST_F(CanaryTest, H11_ARollbackEndsACanary) {
  const auto daemon = start_with("{lanes: 1, for: 10m}");
  configure(*daemon, with_canary(next()));
  auto hook = std::async(std::launch::async, [&] { return ask(*daemon, "reload"); });
  ASSERT_TRUE(eventually(
      [&] {
        send(20);
        return !partitions_of("2").empty();
      },
      kLong));
  const Finished back = ask(*daemon, "rollback", {"ledger"});
  EXPECT_EQ(back.status, 0) << back.errors;
  const Finished ended = hook.get();
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.errors, HasSubstr("has all lanes back: canary: ended by a rollback"));
  EXPECT_EQ(ask(*daemon, "rollback", {"ledger"}).status, 1) << "nothing was before the first";
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  expect_all_once();
}

TEST_F(CanaryTest, H10_WithoutRecordsTheTimeDecides) {
  const auto daemon = start_with("{lanes: 2, batches: 20, for: 2s}");
  configure(*daemon, with_canary(next({{"fail_all", "true"}})));
  const Finished good = ask(*daemon, "reload");
  EXPECT_EQ(good.status, 0) << good.errors;
  EXPECT_THAT(good.out, HasSubstr("as a canary it handled 0 batches"));
  stop_cleanly(*daemon);
}

}  // namespace
}  // namespace moult::testing
