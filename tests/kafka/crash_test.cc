// A process that dies: what it says, and what becomes of its records.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <random>
#include <utility>

#include "tests/kafka/reload_fixture.h"

namespace moult::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// A static member: its successor has the partitions at once, where the group would wait for the
/// dead one's session.
class Crashing : public OneGroup {
 protected:
  using OneGroup::OneGroup;

  Properties protocol() const override {
    Properties properties = OneGroup::protocol();
    properties["group.instance.id"] = group_ + "-one";
    return properties;
  }
};

struct Way {
  std::string as;
  int status;  // minus the signal
  std::string says;
};

class CrashEachWay : public Crashing {
 protected:
  void run(const Way& way) {
    make_topic(1);
    send(20);
    DaemonSpec dying = spec({{"crash_offset", "7"}, {"crash_as", way.as}, {"fail_times", "0"}});
    dying.consumers[0].handlers[0].options["batch"] = "{max_records: 5}";
    const auto daemon = start(dying);
    EXPECT_EQ(daemon->wait_exit(kLong), way.status);
    EXPECT_THAT(daemon->log(), AllOf(HasSubstr(way.says), HasSubstr("handler: ledger"),
                                     HasSubstr(topic_), HasSubstr("build_id: ")));
    const auto next = start(spec());
    ASSERT_TRUE(wait_all_handled());
    stop_cleanly(*next);
    EXPECT_THAT(missing(producer_.produced(), ledger_.read()), IsEmpty());
    EXPECT_EQ(admin_.lag(group_, {topic_}), 0);
  }
};

TEST_F(CrashEachWay, E12_SegmentationFault) { run({"segv", -SIGSEGV, "SIGSEGV"}); }
TEST_F(CrashEachWay, E12_Abort) { run({"abort", -SIGABRT, "SIGABRT"}); }
TEST_F(CrashEachWay, E12_Terminate) { run({"terminate", -SIGABRT, "terminate"}); }
TEST_F(CrashEachWay, E12_Exit) { run({"exit", 70, "exit"}); }

int kills() {
  const char* number = std::getenv("MOULT_KILLS");
  return number == nullptr ? 15 : static_cast<int>(std::strtol(number, nullptr, 10));
}

/// MOULT_KILLS_SEED repeats the times of a run, which prints it.
unsigned kills_seed() {
  const char* seed = std::getenv("MOULT_KILLS_SEED");
  if (seed != nullptr) return static_cast<unsigned>(std::strtoul(seed, nullptr, 10));
  return std::random_device{}();
}

TEST_F(Crashing, S9_KilledAtRandomLosesNothing) {
  make_topic(4);
  const unsigned seed = kills_seed();
  RecordProperty("seed", std::to_string(seed));
  fmt::print("MOULT_KILLS_SEED={}\n", seed);
  std::mt19937 random(seed);
  DaemonSpec daemon = spec({{"sleep_us_per_record", "100"}});
  daemon.consumers[0].handlers[0].options["batch"] = "{max_records: 20}";
  std::map<pid_t, std::int64_t> killed;  // when, by the clock of the ledger
  Admin own(cluster_.bootstrap());
  // From one answer about the group to the next, so that no time is without a measure.
  Duration worst{0};
  Traffic probe([&, heard = Clock::now()]() mutable {
    own.committed(group_);
    const TimePoint before = std::exchange(heard, Clock::now());
    worst = std::max<Duration>(worst, heard - before);
  });
  const int rounds = kills();
  for (int round = 0; round < rounds; ++round) {
    const auto victim = start(daemon);
    ASSERT_TRUE(send_until_works(*victim));
    const auto until = Clock::now() + milliseconds(random() % 400);
    while (Clock::now() < until) send(200);
    killed[victim->pid()] = Clock::now().time_since_epoch().count();
    victim->signal(SIGKILL);
    ASSERT_EQ(victim->wait_exit(kLong), -SIGKILL);
  }
  const auto last = start(daemon);
  // Records come faster than they are handled: the more kills, the more are left for the last one.
  const std::size_t records = producer_.produced().size();
  ASSERT_TRUE(ledger_.wait_handled(records, kLong + milliseconds(records / 10)));
  stop_cleanly(*last);
  probe.end();
  EXPECT_THAT(missing(producer_.produced(), ledger_.read()), IsEmpty());
  EXPECT_EQ(admin_.lag(group_, {topic_}), 0);
  const auto twice = duplicated(ledger_.read());
  fmt::print("{} kills: {} of {} records handled twice\n", rounds, twice.size(),
             producer_.produced().size());
  // What comes twice was handled at most one commit interval (200 ms), and the way of two commits
  // to the broker and back, before its process was killed: it may be killed before the answer of
  // the one and the other was never sent. All that may take 0.8 s, or on a loaded
  // machine what questions to the broker took meanwhile.
  const auto bound = std::max<Duration>(seconds(1), milliseconds(500) + 2 * worst);
  std::map<RecordId, Entry> handled;
  for (const Entry& entry : of_event(ledger_.read(), Event::kRecord)) {
    const auto [before, first] = handled.try_emplace(entry.id(), entry);
    if (first) continue;
    const Entry earlier = std::exchange(before->second, entry);
    const auto end = killed.find(earlier.lane.pid);
    ASSERT_NE(end, killed.end()) << "a process that lived on repeated its own work";
    EXPECT_LT(Duration(end->second - earlier.end_ns), bound) << entry.offset;
  }
}

}  // namespace
}  // namespace moult::testing
