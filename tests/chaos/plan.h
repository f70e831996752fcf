#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/time.h"
#include "tests/support/daemon.h"
#include "tests/support/proxy.h"

namespace moult::testing {

/// What is done to the members of the group, one after the other. Between `after` and `lasts` later
/// a member is gone, stopped, or one more.
struct MemberFault {
  enum class Kind : std::uint8_t {
    kKill,    // kill -9, and another in its place
    kFreeze,  // SIGSTOP for longer than a session, then SIGCONT
    kBounce,  // TERM, and another in its place
    kJoin,    // one more, which then leaves by TERM
  };

  Kind kind = Kind::kKill;
  std::size_t member = 0;
  Milliseconds after{0};
  Milliseconds lasts{0};
};

/// A broker is killed, and started again.
struct BrokerFault {
  int node = 1;
  Milliseconds after{0};
  Milliseconds lasts{0};
};

/// What is done to the links between members and brokers.
struct LinkFault {
  static constexpr int kAll = -1;

  int link = kAll;
  LinkState state;
  Milliseconds after{0};
  Milliseconds lasts{0};
};

/// One round, wholly drawn from its seed: how the group works and what happens to it. The three
/// lists run beside each other.
struct Plan {
  explicit Plan(std::uint64_t its_seed);

  /// All that the seed decided, in words.
  std::string text() const;
  std::size_t faults() const { return members.size() + brokers.size() + links.size(); }
  bool troubles_brokers() const { return !brokers.empty() || !links.empty(); }

  std::uint64_t seed;
  Properties group;      // properties of the consumer
  bool by_key = false;   // `ordering: key`
  bool failing = false;  // some records fail at first
  int partitions = 0;
  std::size_t daemons = 0;
  int records_per_second = 0;
  Properties options;   // of the handler
  Properties settings;  // of its plugin
  std::vector<MemberFault> members;
  std::vector<BrokerFault> brokers;
  std::vector<LinkFault> links;
};

std::string describe(const MemberFault& fault);
std::string describe(const BrokerFault& fault);
std::string describe(const LinkFault& fault);

}  // namespace moult::testing
