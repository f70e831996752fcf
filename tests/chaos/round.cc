#include "tests/chaos/round.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <future>
#include <thread>

#include "tests/support/oracle.h"
#include "tests/support/reader.h"
#include "tests/support/wait.h"

namespace moult::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::IsEmpty;

constexpr int kKeys = 64;
constexpr Milliseconds kProduceTick{20};
constexpr Milliseconds kSampleInterval{200};
constexpr seconds kDrain{10};
constexpr seconds kEndSlack{10};  // what a busy machine may add
constexpr seconds kExitBound{60};
// What the clients beside the daemons say of brokers that go is no news.
const Properties kQuiet = {{"log_level", "2"}};
// Sessions end, brokers catch up, and all that was held back is handled.
constexpr seconds kSettleBound{90};

}  // namespace

Round::Round(const Plan& plan, ProxiedCluster& cluster)
    : plan_(plan),
      cluster_(cluster),
      topic_(unique_name("chaos")),
      group_(unique_name("chaos")),
      admin_(cluster.brokers().bootstrap(), kQuiet),
      ledger_(scratch_ / "ledger"),
      producer_(cluster.brokers().bootstrap(), kQuiet) {
  admin_.create_topic(topic_, plan_.partitions, {{"min.insync.replicas", "2"}},
                      ProxiedCluster::kBrokers);
}

DaemonSpec Round::spec() const {
  HandlerSpec handler{.topics = {topic_}, .options = plan_.options, .settings = plan_.settings};
  handler.settings["ledger"] = (scratch_ / "ledger").string();
  DaemonSpec daemon;
  daemon.kafka = {{"bootstrap.servers", cluster_.bootstrap()}, {"auto.offset.reset", "earliest"}};
  daemon.options = {{"commit_interval", "200ms"},
                    {"drain_deadline", fmt::format("{}s", kDrain.count())}};
  daemon.consumers.push_back({group_, plan_.group, {handler}});
  return daemon;
}

/// Before it is this far TERM has its default effect.
void Round::expect_started(const Daemon& member) {
  EXPECT_TRUE(member.wait_log("started version=", kSettleBound)) << "process " << member.pid();
}

/// A replacement or a guest, which may be told to end at once.
std::unique_ptr<Daemon> Round::start_another() {
  auto member = start_member();
  expect_started(*member);
  return member;
}

std::unique_ptr<Daemon> Round::start_member() {
  return std::make_unique<Daemon>(scratch_, "daemon" + std::to_string(++started_), spec());
}

void Round::run() {
  auto producing = std::async(std::launch::async, [this] { produce(); });
  auto sampling = std::async(std::launch::async, [this] { sample_commits(); });
  const Ending ending(*this);
  while (members_.size() < plan_.daemons) members_.push_back(start_member());
  for (const auto& member : members_) expect_started(*member);
  EXPECT_TRUE(ledger_.wait_handled(1, kSettleBound)) << "the group never began to work";
  auto brokers = std::async(std::launch::async, [this] { disturb_brokers(); });
  auto links = std::async(std::launch::async, [this] { disturb_links(); });
  disturb_members();
  brokers.get();
  links.get();
  producing_ = false;
  producing.get();
  settle();
  sampling_ = false;
  sampling.get();
  stop_all();
  judge();
  // A broker that starts again reads all that it has: after an hour's rounds for a minute.
  admin_.delete_topic(topic_);
}

Round::Ending::~Ending() {
  round_.producing_ = false;
  round_.sampling_ = false;
}

// ---- Faults -------------------------------------------------------------------------------------

void Round::disturb_members() {
  for (const MemberFault& fault : plan_.members) {
    std::this_thread::sleep_for(fault.after);  // the plan's time is what is tested
    expect_alive();
    disturb(fault);
  }
}

void Round::disturb(const MemberFault& fault) {
  Daemon& daemon = *members_.at(fault.member);
  const std::string what = fmt::format("{} ({})", describe(fault), daemon.pid());
  switch (fault.kind) {
    case MemberFault::Kind::kKill: {
      timeline_.end(timeline_.begin(what, Excuse::kOneProcess, daemon.pid()));
      daemon.signal(SIGKILL);
      EXPECT_EQ(daemon.wait_exit(kExitBound), -SIGKILL);
      std::this_thread::sleep_for(fault.lasts);
      return replace(fault.member);
    }
    case MemberFault::Kind::kFreeze:
      return freeze(daemon, fault);
    case MemberFault::Kind::kBounce: {
      const auto happening = timeline_.begin(what, Excuse::kNothing);
      end_by_term(daemon);
      timeline_.end(happening);
      std::this_thread::sleep_for(fault.lasts);
      return replace(fault.member);
    }
    case MemberFault::Kind::kJoin:
      return join_and_leave(fault.lasts);
  }
}

void Round::replace(std::size_t member) {
  members_.at(member) = start_another();
  timeline_.end(timeline_.begin(fmt::format("member {} is {} now", member, members_[member]->pid()),
                                Excuse::kNothing));
}

void Round::freeze(Daemon& daemon, const MemberFault& fault) {
  const auto happening = timeline_.begin(fmt::format("{} ({})", describe(fault), daemon.pid()),
                                         Excuse::kOneProcess, daemon.pid());
  daemon.signal(SIGSTOP);
  std::this_thread::sleep_for(fault.lasts);
  daemon.signal(SIGCONT);
  timeline_.end(happening);
}

void Round::join_and_leave(Milliseconds lasts) {
  const auto guest = start_another();
  const auto happening =
      timeline_.begin(fmt::format("one more member ({})", guest->pid()), Excuse::kNothing);
  std::this_thread::sleep_for(lasts);
  end_by_term(*guest);
  timeline_.end(happening);
}

/// With brokers out of reach a daemon may have to go without its last commit, or with work
/// unfinished because its dead connections kept it: it says so by its exit status.
void Round::end_by_term(Daemon& daemon) {
  const TimePoint asked = Clock::now();
  const auto status = daemon.stop(kExitBound);
  ASSERT_TRUE(status.has_value()) << "no end after " << to_ms(Clock::now() - asked) << " ms";
  EXPECT_LE(Clock::now() - asked, kDrain + kEndSlack);
  if (*status == 0) ended_.insert(daemon.pid());
  if (plan_.troubles_brokers()) {
    EXPECT_THAT(*status, ::testing::AnyOf(0, 1)) << "process " << daemon.pid();
  } else {
    EXPECT_EQ(*status, 0) << "process " << daemon.pid();
  }
}

void Round::expect_alive() {
  for (const auto& member : members_) {
    EXPECT_TRUE(member->running()) << "process " << member->pid() << " ended by itself";
  }
}

void Round::disturb_brokers() {
  for (const BrokerFault& fault : plan_.brokers) {
    std::this_thread::sleep_for(fault.after);
    const auto happening = timeline_.begin(describe(fault), Excuse::kEveryone);
    cluster_.brokers().stop_node(fault.node, KafkaCluster::Stop::kKill);
    std::this_thread::sleep_for(fault.lasts);
    cluster_.brokers().start_node(fault.node);
    timeline_.end(happening);
  }
}

void Round::disturb_links() {
  const auto set = [&](const LinkFault& fault, LinkState state) {
    if (fault.link == LinkFault::kAll) return cluster_.proxy().set_all(state);
    cluster_.proxy().set(static_cast<std::size_t>(fault.link), state);
  };
  for (const LinkFault& fault : plan_.links) {
    std::this_thread::sleep_for(fault.after);
    const auto happening = timeline_.begin(describe(fault), Excuse::kEveryone);
    set(fault, fault.state);
    std::this_thread::sleep_for(fault.lasts);
    set(fault, {});
    timeline_.end(happening);
  }
}

// ---- Beside them --------------------------------------------------------------------------------

void Round::produce() {
  const int batch =
      std::max(1, static_cast<int>(plan_.records_per_second * kProduceTick.count() / 1'000));
  std::int64_t sent = 0;
  for (TimePoint next = Clock::now(); producing_; next += kProduceTick) {
    for (int i = 0; i < batch; ++i, ++sent) {
      producer_.send({.topic = topic_,
                      .partition = static_cast<std::int32_t>(sent % plan_.partitions),
                      .key = fmt::format("k{}", (sent / plan_.partitions) % kKeys)});
    }
    std::this_thread::sleep_until(next);
  }
  producer_.flush(kSettleBound);  // replicas catch up after the last broker has come back
}

/// A sample that a broker's end cost is left out.
void Round::sample_commits() {
  Admin admin(cluster_.brokers().bootstrap(), kQuiet);
  while (sampling_) {
    try {
      OffsetsByPartition offsets = admin.committed(group_);
      commits_.push_back({to_ns(Clock::now()), std::move(offsets)});
    } catch (const std::runtime_error&) {
    }
    std::this_thread::sleep_for(kSampleInterval);
  }
}

// ---- The end ------------------------------------------------------------------------------------

void Round::settle() {
  cluster_.proxy().set_all({});
  const TimePoint from = Clock::now();
  EXPECT_TRUE(ledger_.wait_handled(producer_.acknowledged_records(), kSettleBound))
      << ledger_.handled() << " of " << producer_.acknowledged_records() << " records handled";
  EXPECT_TRUE(admin_.wait_caught_up(group_, {topic_}, kSettleBound))
      << "the commits do not reach the end";
  settled_in_ = Clock::now() - from;
  if (::testing::Test::HasFailure()) dump_members();
  timeline_.end(timeline_.begin("all is handled and committed", Excuse::kNothing));
}

/// Their lanes and threads to their logs, which are printed when the test has failed.
void Round::dump_members() {
  for (const auto& member : members_) {
    member->signal(SIGTTIN);
    EXPECT_TRUE(member->wait_log("state=polls", seconds(5)));
  }
}

void Round::stop_all() {
  expect_alive();
  for (const auto& member : members_) {
    EXPECT_EQ(member->stop(kExitBound), 0) << "process " << member->pid();
    ended_.insert(member->pid());
  }
}

void Round::judge() {
  const Entries& entries = ledger_.read();
  commits_.push_back({to_ns(Clock::now()), admin_.committed(group_)});
  const auto produced = read_back();
  EXPECT_EQ(produced.size(), producer_.acknowledged_records());
  EXPECT_THAT(violations_in_chaos(produced, entries, commits_, plan_.by_key), IsEmpty());
  EXPECT_THAT(unpaired(plan_.by_key ? by_slot(entries) : entries, ended_), IsEmpty());
  EXPECT_EQ(admin_.lag(group_, {topic_}), 0);
  // A failing key holds the watermark back while others are handled ahead of it: whoever takes the
  // partition over handles those again.
  if (plan_.by_key && plan_.failing) return;
  EXPECT_THAT(unexplained_repeats(entries, timeline_.all()), IsEmpty());
}

/// What the topic holds, by place: a producer that sent a record again does not always know where.
std::map<RecordId, std::int64_t> Round::read_back() const {
  std::map<RecordId, std::int64_t> found;
  for (std::int32_t p = 0; p < plan_.partitions; ++p) {
    const TopicPartition partition{topic_, p};
    for (const ReadRecord& record : records_in(cluster_.brokers().bootstrap(), partition)) {
      // {"seq":N,…
      const std::string& value = record.value.value();
      found.emplace(RecordId{partition, record.offset},
                    std::stoll(value.substr(value.find(':') + 1)));
    }
  }
  return found;
}

Round::Figures Round::figures() {
  return {producer_.acknowledged_records(),
          duplicated(ledger_.read()).size(),
          commits_.size(),
          plan_.faults(),
          settled_in_,
          rewinds(commits_).size()};
}

std::string Round::text() const {
  std::string lines = fmt::format("seed {}\n{} what happened (ledger: {}):\n{}", plan_.seed,
                                  plan_.text(), (scratch_ / "ledger").string(), timeline_.text());
  for (const std::string& rewind : rewinds(commits_)) lines += fmt::format("  {}\n", rewind);
  if (commits_.empty()) return lines;
  for (const auto& [partition, offset] : commits_.back().offsets) {
    lines += fmt::format("  partition {} is committed to {}\n", partition.partition, offset);
  }
  return lines;
}

}  // namespace moult::testing
