#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/chaos/timeline.h"
#include "tests/support/admin.h"
#include "tests/support/ledger.h"
#include "tests/support/oracle.h"

namespace moult::testing {

// The rules of tests/support/oracle.h as far as they hold in the midst of faults.

/// What the brokers said was committed, and when they had said it.
struct Commits {
  std::int64_t at_ns = 0;
  OffsetsByPartition offsets;
};

/// An offset that was committed while a record below it was not handled yet.
Problems committed_before_handled(const std::vector<Commits>& samples, const Produced& produced,
                                  const Entries& entries);
/// Where what is committed went back. That loses nothing, and Kafka allows it: a commit that a
/// broken connection held up may come after a later one.
std::vector<std::string> rewinds(const std::vector<Commits>& samples);
/// Records that were handled again where no fault lies between the one time and the other.
Problems unexplained_repeats(const Entries& entries, const std::vector<Happening>& happenings);

/// None missing, none invented, order in each lane, never two batches of one lane at once in one
/// process, no commit past what is handled. Two processes may have one partition at once: one that
/// was stopped does not know yet that it has lost it.
Problems violations_in_chaos(const Produced& produced, const Entries& entries,
                             const std::vector<Commits>& samples, bool by_key);

}  // namespace moult::testing
