#include "tests/support/oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

namespace moult::testing {
namespace {

constexpr std::size_t kMostProblems = 20;

void add(Problems& problems, std::string problem) {
  if (problems.size() < kMostProblems) {
    problems.push_back(std::move(problem));
  } else if (problems.size() == kMostProblems) {
    problems.emplace_back("…");
  }
}

std::string text(const TopicPartition& partition) {
  return fmt::format("{}[{}]", partition.topic, partition.partition);
}

std::string text(const RecordId& id) { return fmt::format("{}@{}", text(id.partition), id.offset); }

std::string text(const LaneKey& lane) {
  return fmt::format("{} of epoch {} in process {}", text(lane.partition), lane.epoch, lane.pid);
}

std::set<RecordId> handled(const Entries& entries) {
  std::set<RecordId> ids;
  for (const Entry& entry : entries) {
    if (entry.event == Event::kRecord) ids.insert(entry.id());
  }
  return ids;
}

struct Span {
  std::int64_t start_ns;
  std::int64_t end_ns;
  LaneKey lane;
  Offset offset;
};

/// The begin of a batch and its end have the same.
struct BatchId {
  LaneKey lane;
  std::uint64_t instance;
  std::int64_t start_ns;

  friend auto operator<=>(const BatchId&, const BatchId&) = default;
};

BatchId batch_of(const Entry& entry) { return {entry.lane, entry.instance, entry.start_ns}; }

/// The last moment of each process that is known.
std::map<pid_t, std::int64_t> last_moments(const Entries& entries) {
  std::map<pid_t, std::int64_t> last;
  for (const Entry& entry : entries) {
    std::int64_t& moment = last[entry.lane.pid];
    moment = std::max(moment, std::max(entry.start_ns, entry.end_ns));
  }
  return last;
}

/// One that never ended went on as long as its process is known to have.
std::vector<Span> batches(const Entries& entries) {
  std::vector<Span> spans;
  std::set<BatchId> ended;
  for (const Entry& entry : of_event(entries, Event::kEnd)) {
    ended.insert(batch_of(entry));
    spans.push_back({entry.start_ns, entry.end_ns, entry.lane, entry.offset});
  }
  const auto last = last_moments(entries);
  for (const Entry& entry : of_event(entries, Event::kBegin)) {
    if (ended.contains(batch_of(entry))) continue;
    spans.push_back({entry.start_ns, last.at(entry.lane.pid), entry.lane, entry.offset});
  }
  std::ranges::sort(spans, {}, &Span::start_ns);
  return spans;
}

/// Of batches with the same key, those that began before the one before had ended.
template <typename KeyOf>
Problems overlapping_by(const Entries& entries, KeyOf&& key_of) {
  Problems problems;
  std::map<std::invoke_result_t<KeyOf, const Span&>, Span> before;
  for (const Span& after : batches(entries)) {
    const auto [at, first] = before.try_emplace(key_of(after), after);
    if (first) continue;
    if (after.start_ns < at->second.end_ns) {
      add(problems,
          fmt::format("the batch at {} of {} began {} us before that at {} of {} ended",
                      after.offset, text(after.lane), (at->second.end_ns - after.start_ns) / 1'000,
                      at->second.offset, text(at->second.lane)));
    }
    if (after.end_ns > at->second.end_ns) at->second = after;
  }
  return problems;
}

using KeyOfPartition = std::pair<TopicPartition, std::string>;

std::map<KeyOfPartition, Entries> handled_by_key(const Entries& entries) {
  std::map<KeyOfPartition, Entries> keys;
  for (const Entry& entry : entries) {
    if (entry.event == Event::kRecord && entry.key) {
      keys[{entry.partition(), *entry.key}].push_back(entry);
    }
  }
  return keys;
}

Problems joined(std::initializer_list<Problems> parts) {
  Problems all;
  for (const Problems& some : parts) all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace

Problems missing(const Produced& produced, const Entries& entries) {
  Problems problems;
  const auto ids = handled(entries);
  for (const auto& [id, sequence] : produced) {
    if (!ids.contains(id)) add(problems, text(id) + " was never handled");
  }
  return problems;
}

Problems invented(const Produced& produced, const Entries& entries) {
  Problems problems;
  for (const Entry& entry : entries) {
    if (entry.event != Event::kRecord) continue;
    const auto at = produced.find(entry.id());
    if (at == produced.end()) {
      add(problems, text(entry.id()) + " was never produced");
    } else if (entry.sequence && *entry.sequence != at->second) {
      add(problems,
          fmt::format("{} has sequence {}, not {}", text(entry.id()), *entry.sequence, at->second));
    }
  }
  return problems;
}

std::set<RecordId> duplicated(const Entries& entries) {
  std::set<RecordId> once;
  std::set<RecordId> more;
  for (const Entry& entry : entries) {
    if (entry.event == Event::kRecord && !once.insert(entry.id()).second) more.insert(entry.id());
  }
  return more;
}

Problems duplicates(const Entries& entries) {
  Problems problems;
  for (const RecordId& id : duplicated(entries)) add(problems, text(id) + " was handled again");
  return problems;
}

Problems out_of_order(const Entries& entries) {
  Problems problems;
  std::map<LaneKey, Offset> last;
  for (const Entry& entry : entries) {
    if (entry.event != Event::kRecord) continue;
    const auto [at, first] = last.try_emplace(entry.lane, entry.offset);
    if (!first && entry.offset <= at->second) {
      add(problems,
          fmt::format("{} came after {} in {}", entry.offset, at->second, text(entry.lane)));
    }
    at->second = entry.offset;
  }
  return problems;
}

Problems overlapping(const Entries& entries) {
  return overlapping_by(entries, [](const Span& span) { return span.lane.partition; });
}

Problems revoked_too_early(const Entries& entries) {
  Problems problems;
  std::map<LaneKey, std::int64_t> revoked;  // when
  for (const Entry& entry : entries) {
    if (entry.event == Event::kRevoked) revoked.emplace(entry.lane, entry.start_ns);
  }
  for (const Span& span : batches(entries)) {
    const auto at = revoked.find(span.lane);
    if (at == revoked.end() || span.end_ns <= at->second) continue;
    add(problems, fmt::format("the batch at {} ran after the revocation of {}", span.offset,
                              text(span.lane)));
  }
  return problems;
}

Problems unpaired(const Entries& entries, const std::set<pid_t>& ended, Unused unused) {
  struct Counts {
    int created = 0, assigned = 0, revoked = 0, destroyed = 0;
  };
  std::map<LaneKey, Counts> lanes;
  for (const Entry& entry : entries) {
    if (!ended.contains(entry.lane.pid)) continue;
    Counts& counts = lanes[entry.lane];
    if (entry.event == Event::kCreate) ++counts.created;
    if (entry.event == Event::kAssigned) ++counts.assigned;
    if (entry.event == Event::kRevoked) ++counts.revoked;
    if (entry.event == Event::kDestroy) ++counts.destroyed;
  }
  Problems problems;
  for (const auto& [lane, counts] : lanes) {
    const bool lived = counts.assigned == 1 && counts.revoked == 1;
    const bool waited = counts.assigned == 0 && counts.revoked == 0;
    const bool left = waited && counts.destroyed == 0 && unused == Unused::kMayBeLeft;
    if (counts.created == 1 && counts.destroyed == 1 && (lived || waited)) continue;
    if (counts.created == 1 && left) continue;
    add(problems, fmt::format("{}: {} created, {} assigned, {} revoked, {} destroyed", text(lane),
                              counts.created, counts.assigned, counts.revoked, counts.destroyed));
  }
  return problems;
}

Problems committed_too_far(const OffsetsByPartition& committed, const Produced& produced,
                           const Entries& entries) {
  Problems problems;
  const auto ids = handled(entries);
  for (const auto& [id, sequence] : produced) {
    const auto at = committed.find(id.partition);
    if (at == committed.end() || id.offset >= at->second || ids.contains(id)) continue;
    add(problems, fmt::format("{} is not handled, but {} is committed", text(id), at->second));
  }
  return problems;
}

namespace {

Problems violations_of_lanes(const Produced& produced, const Entries& entries,
                             const OffsetsByPartition& committed) {
  return joined({missing(produced, entries), invented(produced, entries),
                 out_of_order(across_generations(entries)), overlapping(entries),
                 committed_too_far(committed, produced, entries)});
}

}  // namespace

Problems violations(const Produced& produced, const Entries& entries,
                    const OffsetsByPartition& committed) {
  return joined({violations_of_lanes(produced, entries, committed), revoked_too_early(entries)});
}

Problems violations_with_rollbacks(const Produced& produced, const Entries& entries,
                                   const OffsetsByPartition& committed) {
  return joined(
      {violations_of_lanes(produced, entries, committed), revoked_too_early(by_slot(entries))});
}

// ---- Spread partitions --------------------------------------------------------------------------

Problems keys_out_of_order(const Entries& entries) {
  Problems problems;
  for (auto& [key, records] : handled_by_key(entries)) {
    std::map<LaneKey, const Entry*> last;  // slots apart: a lane here is a partition's epoch
    std::ranges::sort(records, {}, &Entry::start_ns);
    for (const Entry& record : records) {
      const Entry*& before = last[record.lane];
      if (before != nullptr && record.offset <= before->offset) {
        add(problems, fmt::format("{} of key {} came after {}", text(record.id()), key.second,
                                  before->offset));
      }
      before = &record;
    }
  }
  return problems;
}

Problems keys_overlapping(const Entries& entries) {
  Problems problems;
  for (auto& [key, records] : handled_by_key(entries)) {
    std::ranges::sort(records, {}, &Entry::start_ns);
    for (std::size_t i = 1; i < records.size(); ++i) {
      if (records[i].start_ns >= records[i - 1].end_ns) continue;
      add(problems, fmt::format("{} of key {} began before {} ended", text(records[i].id()),
                                key.second, records[i - 1].offset));
    }
  }
  return problems;
}

Problems slots_overlapping(const Entries& entries) {
  return overlapping_by(by_slot(entries), [](const Span& span) { return span.lane; });
}

Problems violations_by_key(const Produced& produced, const Entries& entries,
                           const OffsetsByPartition& committed) {
  return joined({violations_unordered(produced, entries, committed), keys_out_of_order(entries),
                 keys_overlapping(entries)});
}

Problems violations_unordered(const Produced& produced, const Entries& entries,
                              const OffsetsByPartition& committed) {
  return joined({missing(produced, entries), invented(produced, entries),
                 out_of_order(by_slot(entries)), slots_overlapping(entries),
                 revoked_too_early(by_slot(entries)),
                 committed_too_far(committed, produced, entries)});
}

}  // namespace moult::testing
