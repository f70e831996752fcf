#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/admin.h"
#include "tests/support/ledger.h"
#include "tests/support/producer.h"

namespace moult::testing {

// Each rule of delivery as a function from what was seen to what is wrong with it, in words. Empty
// is good: EXPECT_THAT(missing(…), IsEmpty()). Long answers are cut.
//
// The entries are those of one group: where several share a ledger, pass of_tag(entries, …).

using Problems = std::vector<std::string>;
using Produced = std::map<RecordId, std::int64_t>;

/// Produced, but never handled.
Problems missing(const Produced& produced, const Entries& entries);
/// Handled, but never produced, or with another sequence number.
Problems invented(const Produced& produced, const Entries& entries);
/// Handled more than once.
Problems duplicates(const Entries& entries);
/// The same as a set, for tests that allow some.
std::set<RecordId> duplicated(const Entries& entries);
/// Handled in a lane before a record with a lower offset.
Problems out_of_order(const Entries& entries);
/// Batches of one partition that overlap in time, in one process or several.
Problems overlapping(const Entries& entries);
/// `revoked` before the end of the lane's running batch, or a batch that began after it.
Problems revoked_too_early(const Entries& entries);
/// An instance without its destroy, a destroy without its create, or revoked twice or never between
/// them. For the processes that are said to have ended cleanly.
Problems unpaired(const Entries& entries, const std::set<pid_t>& ended);
/// A committed offset that passes a record which nobody has handled.
Problems committed_too_far(const OffsetsByPartition& committed, const Produced& produced,
                           const Entries& entries);

/// All of them but duplicates() and unpaired().
Problems violations(const Produced& produced, const Entries& entries,
                    const OffsetsByPartition& committed);

}  // namespace moult::testing
