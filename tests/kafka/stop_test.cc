// How a daemon ends: what is committed then, how long it takes, what it says and its exit status.
#include <fmt/format.h>

#include <csignal>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

using ::testing::HasSubstr;

// Apart from its first commit, such a daemon commits at its end, or not at all.
constexpr const char* kNeverInTime = "10m";

class Stopping : public OneGroup {
 protected:
  using OneGroup::OneGroup;

  /// Batches of ten records that take 0.3 s.
  DaemonSpec slow() const {
    DaemonSpec daemon = spec({{"sleep_us_per_record", "30000"}});
    daemon.options["commit_interval"] = kNeverInTime;
    daemon.consumers[0].handlers[0].options["batch"] = "{max_records: 10}";
    return daemon;
  }

  /// Hangs at offset 5 of partition 1 in a batch of ten, whatever it is told.
  DaemonSpec hung(const std::string& drain_deadline) const {
    DaemonSpec daemon =
        spec({{"hang_on_offset", "5"}, {"fail_partition", "1"}, {"ignore_cancel", "true"}});
    daemon.options["drain_deadline"] = drain_deadline;
    daemon.consumers[0].handlers[0].options["batch"] = "{max_records: 10, linger: 500ms}";
    return daemon;
  }

  /// Until partition 0 is handled and partition 1 hangs.
  bool wait_hung() {
    return ledger_.wait_handled(producer_.produced().size() / 2, kLong) &&
           ledger_.wait([&](const Entries& entries) { return begins(entries, 1) == 1; }, kLong);
  }

  std::size_t begins(const Entries& entries, std::int32_t partition) const {
    return only(entries,
                [&](const Entry& entry) {
                  return entry.event == Event::kBegin && entry.partition().partition == partition;
                })
        .size();
  }

  /// One past the last record handled, for each partition that has one.
  OffsetsByPartition handled_to() {
    OffsetsByPartition ends;
    for (const Entry& entry : of_event(ledger_.read(), Event::kRecord)) {
      Offset& end = ends[entry.partition()];
      end = std::max(end, entry.offset + 1);
    }
    return ends;
  }

  /// Another daemon handles what is left: each record once.
  void finish_the_rest() {
    const auto daemon = start(spec());
    ASSERT_TRUE(wait_all_handled());
    stop_cleanly(*daemon);
    expect_complete();
    expect_no_duplicates();
  }
};

TEST_F(Stopping, S1_TermInABatchCommitsExactlyWhatFinished) {
  make_topic(2);
  send(2'000);
  const auto daemon = start(slow());
  ASSERT_TRUE(ledger_.wait(
      [&](const Entries& entries) { return begins(entries, 0) >= 2 && begins(entries, 1) >= 2; },
      kLong));
  stop_cleanly(*daemon);
  EXPECT_EQ(ledger_.count(Event::kBegin), ledger_.count(Event::kEnd));
  EXPECT_LT(ledger_.handled(), producer_.produced().size()) << "it ended before TERM came";
  EXPECT_EQ(admin_.committed(group_), handled_to());
  finish_the_rest();
}

TEST_F(Stopping, S1_TermInABatchThatFailsCommitsWhatIsBeforeTheFailure) {
  make_topic(1);
  send(40);
  DaemonSpec failing =
      spec({{"sleep_us_per_record", "30000"}, {"fail_offset", "13"}, {"fail_times", "0"}});
  failing.options["commit_interval"] = kNeverInTime;
  failing.consumers[0].handlers[0].options["batch"] = "{max_records: 20, linger: 500ms}";
  const auto daemon = start(failing);
  ASSERT_TRUE(ledger_.wait_count(Event::kBegin, 1, kLong));
  stop_cleanly(*daemon);
  EXPECT_EQ(admin_.committed(group_), (OffsetsByPartition{{{topic_, 0}, 13}}));
  finish_the_rest();
}

/// Whether the process holds TERM back, for its own loop to read. Before that, in the first
/// milliseconds of any program, TERM has its default effect; and between fork and exec it may be
/// held back by the C library.
bool blocks_term(pid_t pid) {
  const std::string status = read_file(fmt::format("/proc/{}/status", pid));
  const std::size_t at = status.find("SigBlk:");
  if (at == status.npos || !status.starts_with("Name:\tmoult\n")) return false;
  const auto mask = std::stoull(status.substr(at + 7), nullptr, 16);
  return (mask >> (SIGTERM - 1) & 1) != 0;
}

TEST_F(Stopping, S2_TermAtAnyMomentOfTheStartExitsZero) {
  constexpr int kDaemons = 8;
  make_topic(4);
  send(400);
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> up_to_3s(0, 3'000);
  std::vector<std::unique_ptr<Daemon>> daemons;
  std::multimap<TimePoint, Daemon*> later;  // all but the first, which gets its TERM at once
  for (int i = 0; i < kDaemons; ++i) {
    Daemon& daemon = *daemons.emplace_back(start(spec()));
    ASSERT_TRUE(eventually([&] { return blocks_term(daemon.pid()); }, kLong));
    if (i == 0) {
      daemon.signal(SIGTERM);
    } else {
      later.emplace(Clock::now() + milliseconds(up_to_3s(random)), &daemon);
    }
  }
  for (const auto& [when, daemon] : later) {
    std::this_thread::sleep_until(when);  // the delay is what is tested
    daemon->signal(SIGTERM);
  }
  for (const auto& daemon : daemons) {
    EXPECT_EQ(daemon->wait_exit(kLong), 0);
    ended_.insert(daemon->pid());
  }
  const auto last = start(spec());
  ASSERT_TRUE(last->wait_log("partition assigned", kLong));
  ASSERT_TRUE(wait_all_handled());
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  stop_cleanly(*last);
  expect_complete();
}

TEST_F(Stopping, S4_AHungHandlerIsNamedAndTheExitIsForcedAtTheDeadline) {
  make_topic(2);
  send(20);
  const auto daemon = start(hung("4s"));
  ASSERT_TRUE(wait_hung());
  const TimePoint asked = Clock::now();
  EXPECT_EQ(daemon->stop(kLong), 2);  // the handler hangs for ever
  EXPECT_GE(Clock::now() - asked, seconds(2)) << "it did not wait for the handler";
  const Finished check = run_moult({"check", "--config", daemon->config().string()});
  const std::size_t at = check.out.find("build id ");
  ASSERT_NE(at, check.out.npos) << check.out << check.errors;
  const std::string build_id = check.out.substr(at, check.out.find('\n', at) - at);
  EXPECT_GT(build_id.size(), 20U);
  EXPECT_THAT(daemon->log(),
              HasSubstr(fmt::format("handler ledger ({}) still runs on {}[1], offsets 0 to 9",
                                    build_id, topic_)));
  EXPECT_EQ(admin_.committed(group_), (OffsetsByPartition{{{topic_, 0}, 10}}));
  finish_the_rest();
}

TEST_F(Stopping, S5_ASecondTermForcesAtOnce) {
  make_topic(2);
  send(20);
  const auto daemon = start(hung("60s"));
  ASSERT_TRUE(wait_hung());
  // Who is forced waits for no commit.
  const OffsetsByPartition finished{{{topic_, 0}, 10}};
  ASSERT_TRUE(eventually([&] { return admin_.committed(group_) == finished; }, kLong));
  daemon->signal(SIGTERM);
  ASSERT_TRUE(daemon->wait_log("stopping", kLong));
  static_assert(kLong < seconds(60), "the drain would end it as well");
  EXPECT_EQ(daemon->stop(kLong), 2);
  finish_the_rest();
}

TEST_F(Stopping, S6_QuietFinishesItsWorkAndStaysAMember) {
  make_topic(2);
  send(2'000);
  DaemonSpec quiet = slow();
  quiet.options["commit_interval"] = "200ms";
  const auto daemon = start(quiet);
  ASSERT_TRUE(ledger_.wait_count(Event::kBegin, 4, kLong));
  daemon->signal(SIGTSTP);
  ASSERT_TRUE(daemon->wait_log("quiet:", kLong));
  ASSERT_TRUE(eventually([&] { return ledger_.count(Event::kEnd) == ledger_.count(Event::kBegin); },
                         kLong));
  const std::size_t batches = ledger_.count(Event::kBegin);
  EXPECT_TRUE(always([&] { return ledger_.count(Event::kBegin) == batches; }, seconds(2)));
  EXPECT_LT(ledger_.handled(), producer_.produced().size()) << "nothing was left to hold back";
  EXPECT_EQ(admin_.committed(group_), handled_to());
  const GroupDescription group = admin_.describe(group_);
  EXPECT_EQ(group.state, "Stable");
  EXPECT_THAT(group.members, SizeIs(1));
  EXPECT_EQ(group.partitions(), 2U);
  stop_cleanly(*daemon);
  EXPECT_EQ(ledger_.count(Event::kBegin), batches);
  finish_the_rest();
}

TEST_F(Stopping, S7_TtinDumpsEveryLane) {
  make_topic(2);
  send(20);
  const auto daemon = start(hung("1s"));
  ASSERT_TRUE(wait_hung());
  ASSERT_TRUE(eventually(
      [&] {
        return admin_.committed(group_) == OffsetsByPartition{{{topic_, 0}, 10}};
      },
      kLong));
  ASSERT_TRUE(eventually(
      [&] {
        daemon->signal(SIGTTIN);
        return daemon->log_count("watermark=10 committed=10 ") > 0;
      },
      kLong, milliseconds(200)))
      << "the daemon hears of its commit later than the broker";
  ASSERT_TRUE(daemon->wait_log("state=idle", kLong));
  ASSERT_TRUE(daemon->wait_log("state=running", kLong));
  const std::string log = daemon->log();
  EXPECT_THAT(log, HasSubstr(fmt::format("topic={} partition=0 ", topic_)));
  EXPECT_THAT(log, HasSubstr(fmt::format("topic={} partition=1 ", topic_)));
  EXPECT_THAT(log, HasSubstr("running_from=0 running_to=10 "));
  EXPECT_TRUE(daemon->running());
}

// ---- Without a broker ---------------------------------------------------------------------------

class StoppingAlone : private OwnCluster, public Stopping {
 protected:
  StoppingAlone() : Stopping(own_cluster) {}

  // A stop that waited for its end would miss every bound.
  static constexpr milliseconds kSession{18'000};

  Properties protocol() const override {
    return {{"session.timeout.ms", std::to_string(kSession.count())},
            {"heartbeat.interval.ms", "300"}};
  }

  /// Whether a dump of the daemon said so, of all 50 records.
  static bool has_heard_of_its_commit(const Daemon& daemon, int partition) {
    const std::string which = fmt::format(" partition={} ", partition);
    std::istringstream lines(daemon.log());
    for (std::string line; std::getline(lines, line);) {
      if (line.find(which) != line.npos && line.find(" watermark=50 committed=50 ") != line.npos) {
        return true;
      }
    }
    return false;
  }

  DaemonSpec tagged(const std::string& group, const Properties& options) const {
    DaemonSpec daemon = spec({{"tag", group}});
    daemon.options["drain_deadline"] = "4s";
    for (const auto& [name, value] : options) daemon.options[name] = value;
    daemon.consumers[0].group = group;
    return daemon;
  }

  bool wait_handled_by(const std::string& group) {
    return ledger_.wait(
        [&](const Entries& entries) {
          return missing(producer_.produced(), of_tag(entries, group)).empty();
        },
        kLong);
  }
};

// The exit status tells whether something comes again: 0 when the broker has answered for every
// finished offset, else 1.
TEST_F(StoppingAlone, S3_WithoutABrokerTermEndsByTheDeadline) {
  const std::string done = group_ + "-done";
  const std::string behind = group_ + "-behind";
  make_topic(2);
  send(2);
  const auto idle = start(tagged(done, {}));
  const auto late = start(tagged(behind, {{"commit_interval", kNeverInTime}}));
  ASSERT_TRUE(wait_handled_by(done));
  ASSERT_TRUE(wait_handled_by(behind));
  // The first commit goes out at once; with it gone nothing more is committed before the end.
  ASSERT_TRUE(eventually([&] { return !admin_.committed(behind).empty(); }, kLong));
  send(98);
  ASSERT_TRUE(wait_handled_by(done));
  ASSERT_TRUE(wait_handled_by(behind));
  ASSERT_TRUE(eventually(
      [&] {
        idle->signal(SIGTTIN);
        return has_heard_of_its_commit(*idle, 0) && has_heard_of_its_commit(*idle, 1);
      },
      kLong, milliseconds(200)))
      << "the daemon has heard that its last commit is done";
  cluster_.stop_node(1, KafkaCluster::Stop::kKill);
  ASSERT_TRUE(idle->wait_log("kafka error, librdkafka goes on trying", kLong));
  const TimePoint asked = Clock::now();
  idle->signal(SIGTERM);
  late->signal(SIGTERM);
  EXPECT_EQ(idle->wait_exit(kLong), 0);
  EXPECT_EQ(late->wait_exit(kLong), 1);
  EXPECT_LT(Clock::now() - asked, kSession) << "what a client takes that waits for a broker";
  EXPECT_EQ(late->log_count("[0] is finished up to offset 49, committed up to"), 1U);
  EXPECT_EQ(late->log_count("[1] is finished up to offset 49, committed up to"), 1U);
  cluster_.start_node(1);
  const OffsetsByPartition before = admin_.committed(behind);
  const auto again = start(tagged(behind, {}));
  // The broker has not heard that the other one is gone.
  ASSERT_TRUE(admin_.wait_caught_up(behind, {topic_}, kSession + kLong));
  EXPECT_EQ(again->stop(), 0);
  std::set<RecordId> comes_again;
  for (const auto& [id, sequence] : producer_.produced()) {
    const auto at = before.find(id.partition);
    if (at == before.end() || id.offset >= at->second) comes_again.insert(id);
  }
  EXPECT_EQ(duplicated(of_tag(ledger_.read(), behind)), comes_again);
  EXPECT_THAT(missing(producer_.produced(), of_pid(ledger_.read(), late->pid())), IsEmpty());
}

}  // namespace
}  // namespace moult::testing
