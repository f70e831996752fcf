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
/// Whether an instance that never had its lane may be without its destroy: a process that ends
/// waits for none that is still being made.
enum class Unused { kDestroyed, kMayBeLeft };
/// An instance without its destroy, a destroy without its create, or assigned without being revoked
/// between them. One that was to take a lane over, which then went away, hears neither. For the
/// processes that are said to have ended cleanly.
Problems unpaired(const Entries& entries, const std::set<pid_t>& ended,
                  Unused unused = Unused::kDestroyed);
/// A committed offset that passes a record which nobody has handled.
Problems committed_too_far(const OffsetsByPartition& committed, const Produced& produced,
                           const Entries& entries);

/// All of them but duplicates() and unpaired(). A lane's order is that of all its generations.
Problems violations(const Produced& produced, const Entries& entries,
                    const OffsetsByPartition& committed);
/// The same where a lane may have gone back to a generation that it had left: `revoked` is then
/// about each instance by itself.
Problems violations_with_rollbacks(const Produced& produced, const Entries& entries,
                                   const OffsetsByPartition& committed);

// With `ordering: key` and `none` a partition is many lanes.

/// Records of one key and partition that a process handled, in one epoch, before one with a lower
/// offset. By the key in the record; those without one are not looked at.
Problems keys_out_of_order(const Entries& entries);
/// Records of one key and partition that were handled at the same time, by whomever.
Problems keys_overlapping(const Entries& entries);
/// Batches of one slot that overlap in time.
Problems slots_overlapping(const Entries& entries);
/// As violations(), for `ordering: key`; pass the entries as they are.
Problems violations_by_key(const Produced& produced, const Entries& entries,
                           const OffsetsByPartition& committed);
/// As violations(), for `ordering: none`.
Problems violations_unordered(const Produced& produced, const Entries& entries,
                              const OffsetsByPartition& committed);

}  // namespace moult::testing
