#include "tests/chaos/plan.h"

#include <fmt/format.h>

#include <random>

#include "tests/chaos/proxied_cluster.h"

namespace moult::testing {
namespace {

// How long faults go on for in a round.
constexpr Milliseconds kFaults{15'000};
// What starting a broker takes, about.
constexpr Milliseconds kBrokerStart{5'000};

/// Draws from a seed. By itself, because the distributions of the standard library may differ from
/// one to another.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}

  int from_to(int low, int high) {
    const auto range = static_cast<std::uint64_t>(high - low) + 1;
    return low + static_cast<int>(random_() % range);
  }
  Milliseconds ms(int low, int high) { return Milliseconds{from_to(low, high)}; }
  bool one_in(int number) { return from_to(1, number) == 1; }

 private:
  std::mt19937_64 random_;
};

Properties draw_group(Draw& draw) {
  const Properties classic = {{"session.timeout.ms", "6000"}, {"heartbeat.interval.ms", "300"}};
  Properties group;
  switch (draw.from_to(0, 2)) {
    case 0:
      group = {{"partition.assignment.strategy", "range"}};
      group.insert(classic.begin(), classic.end());
      break;
    case 1:
      group = {{"partition.assignment.strategy", "cooperative-sticky"}};
      group.insert(classic.begin(), classic.end());
      break;
    default:
      group = {{"group.protocol", "consumer"}};
  }
  // Short times, so that a round sees the end of what went wrong.
  group["socket.timeout.ms"] = "4000";
  group["reconnect.backoff.max.ms"] = "1000";
  group["topic.metadata.refresh.interval.ms"] = "1000";
  return group;
}

MemberFault draw_member_fault(Draw& draw, std::size_t daemons) {
  MemberFault fault;
  fault.kind = static_cast<MemberFault::Kind>(draw.from_to(0, 3));
  fault.member = static_cast<std::size_t>(draw.from_to(0, static_cast<int>(daemons) - 1));
  fault.after = draw.ms(300, 3'000);
  switch (fault.kind) {
    case MemberFault::Kind::kKill:
    case MemberFault::Kind::kBounce:
      fault.lasts = draw.ms(0, 2'000);
      break;
    case MemberFault::Kind::kFreeze:
      fault.lasts = draw.ms(7'000, 9'000);
      break;
    case MemberFault::Kind::kJoin:
      fault.lasts = draw.ms(500, 6'000);
      break;
  }
  return fault;
}

LinkFault draw_link_fault(Draw& draw) {
  LinkFault fault;
  fault.link = draw.from_to(LinkFault::kAll, ProxiedCluster::kBrokers - 1);
  fault.after = draw.ms(300, 4'000);
  switch (draw.from_to(0, 2)) {
    case 0:
      fault.state = {LinkState::Mode::kDelay, draw.ms(20, 300)};
      fault.lasts = draw.ms(1'000, 5'000);
      break;
    case 1:
      fault.state = {LinkState::Mode::kDrop};
      fault.lasts = draw.ms(0, 2'000);
      break;
    default:
      fault.state = {LinkState::Mode::kBlackHole};
      fault.lasts = draw.ms(500, 9'000);
  }
  return fault;
}

/// Some of the settings that slow a handler down, and some that make it fail.
void draw_handler(Draw& draw, Plan& plan) {
  plan.by_key = draw.one_in(2);
  plan.options = {{"workers", "4"},
                  {"ordering", plan.by_key ? "key" : "partition"},
                  {"retry", "{backoff: 20ms, backoff_max: 200ms}"},
                  {"batch", fmt::format("{{max_records: {}}}", draw.from_to(1, 100))}};
  plan.settings["sleep_us_per_record"] = std::to_string(draw.from_to(0, 800));
  if (draw.one_in(2)) plan.settings["sleep_ms_per_batch"] = std::to_string(draw.from_to(1, 20));
  // With `key` every slot has an instance that hears of it, some dozens a partition.
  const int revoked_ms = plan.by_key ? 10 : 500;
  if (draw.one_in(3)) {
    plan.settings["delay_revoked_ms"] = std::to_string(draw.from_to(1, revoked_ms));
  }
  plan.failing = draw.one_in(2);
  if (!plan.failing) return;
  if (draw.one_in(2)) {
    plan.settings["fail_key"] = fmt::format("k{}", draw.from_to(0, 63));
  } else {
    plan.settings["throw_offset"] = std::to_string(draw.from_to(0, 1'000));
  }
  plan.settings["fail_times"] = std::to_string(draw.from_to(1, 3));
}

}  // namespace

Plan::Plan(std::uint64_t its_seed) : seed(its_seed) {
  Draw draw(seed);
  group = draw_group(draw);
  draw_handler(draw, *this);
  partitions = draw.from_to(3, 6);
  daemons = static_cast<std::size_t>(draw.from_to(2, 3));
  records_per_second = draw.from_to(200, 800);
  // With one kind of trouble alone the rules are stricter: what repeats records then must be it.
  const int kinds = draw.from_to(1, 7);
  if ((kinds & 1) != 0) {
    for (Milliseconds at{0}; at < kFaults; at += members.back().after + members.back().lasts) {
      members.push_back(draw_member_fault(draw, daemons));
    }
  }
  if ((kinds & 2) != 0) {
    for (Milliseconds at{0}; at < kFaults;
         at += brokers.back().after + brokers.back().lasts + kBrokerStart) {
      brokers.push_back(
          {draw.from_to(1, ProxiedCluster::kBrokers), draw.ms(500, 5'000), draw.ms(0, 4'000)});
    }
  }
  if ((kinds & 4) != 0) {
    for (Milliseconds at{0}; at < kFaults; at += links.back().after + links.back().lasts) {
      links.push_back(draw_link_fault(draw));
    }
  }
}

std::string describe(const MemberFault& fault) {
  switch (fault.kind) {
    case MemberFault::Kind::kKill:
      return fmt::format("kill -9 member {}", fault.member);
    case MemberFault::Kind::kFreeze:
      return fmt::format("stop member {} by SIGSTOP", fault.member);
    case MemberFault::Kind::kBounce:
      return fmt::format("TERM to member {}", fault.member);
    case MemberFault::Kind::kJoin:
      return "one more member";
  }
  return "?";
}

std::string describe(const BrokerFault& fault) {
  return fmt::format("kill -9 broker {}", fault.node);
}

std::string describe(const LinkFault& fault) {
  const std::string where = fault.link == LinkFault::kAll
                                ? "all links"
                                : fmt::format("link of broker {}", fault.link + 1);
  switch (fault.state.mode) {
    case LinkState::Mode::kPass:
      return where + ": pass";
    case LinkState::Mode::kDelay:
      return fmt::format("{}: {} ms late", where, fault.state.delay.count());
    case LinkState::Mode::kDrop:
      return where + ": reset";
    case LinkState::Mode::kBlackHole:
      return where + ": black hole";
  }
  return "?";
}

std::string Plan::text() const {
  std::string lines = fmt::format("  {} daemons, {} partitions, {} records a second\n", daemons,
                                  partitions, records_per_second);
  for (const Properties* some : {&group, &options, &settings}) {
    lines += " ";
    for (const auto& [name, value] : *some) lines += fmt::format(" {}={}", name, value);
    lines += '\n';
  }
  const auto add = [&](const auto& faults) {
    for (const auto& fault : faults) {
      lines += fmt::format("  after {} ms, for {} ms: {}\n", fault.after.count(),
                           fault.lasts.count(), describe(fault));
    }
  };
  add(members);
  add(brokers);
  add(links);
  return lines;
}

}  // namespace moult::testing
