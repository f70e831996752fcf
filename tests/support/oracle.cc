#include "tests/support/oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
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

/// The batches of each partition. One whose process ended within it counts up to its last known
/// moment, which is its begin.
std::map<TopicPartition, std::vector<Span>> batches(const Entries& entries) {
  std::map<TopicPartition, std::vector<Span>> spans;
  std::map<LaneKey, std::size_t> running;
  for (const Entry& entry : entries) {
    auto& of_partition = spans[entry.partition()];
    if (entry.event == Event::kBegin) {
      running[entry.lane] = of_partition.size();
      of_partition.push_back({entry.start_ns, entry.start_ns, entry.lane, entry.offset});
    } else if (entry.event == Event::kEnd && running.contains(entry.lane)) {
      of_partition[running.at(entry.lane)].end_ns = entry.end_ns;
    }
  }
  return spans;
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
  Problems problems;
  for (auto& [partition, spans] : batches(entries)) {
    std::ranges::sort(spans, {}, &Span::start_ns);
    for (std::size_t i = 1; i < spans.size(); ++i) {
      const Span& before = spans[i - 1];
      const Span& after = spans[i];
      if (after.start_ns >= before.end_ns) continue;
      add(problems,
          fmt::format("the batch at {} of {} began {} us before that at {} of {} ended",
                      after.offset, text(after.lane), (before.end_ns - after.start_ns) / 1'000,
                      before.offset, text(before.lane)));
    }
  }
  return problems;
}

Problems revoked_too_early(const Entries& entries) {
  Problems problems;
  std::map<LaneKey, std::int64_t> revoked;  // when
  for (const Entry& entry : entries) {
    if (entry.event == Event::kRevoked) revoked.emplace(entry.lane, entry.start_ns);
  }
  for (const auto& [partition, spans] : batches(entries)) {
    for (const Span& span : spans) {
      const auto at = revoked.find(span.lane);
      if (at == revoked.end() || std::max(span.start_ns, span.end_ns) <= at->second) continue;
      add(problems, fmt::format("the batch at {} ran after the revocation of {}", span.offset,
                                text(span.lane)));
    }
  }
  return problems;
}

Problems unpaired(const Entries& entries, const std::set<pid_t>& ended) {
  struct Counts {
    int created = 0, revoked = 0, destroyed = 0;
  };
  std::map<LaneKey, Counts> lanes;
  for (const Entry& entry : entries) {
    if (!ended.contains(entry.lane.pid)) continue;
    Counts& counts = lanes[entry.lane];
    if (entry.event == Event::kCreate) ++counts.created;
    if (entry.event == Event::kRevoked) ++counts.revoked;
    if (entry.event == Event::kDestroy) ++counts.destroyed;
  }
  Problems problems;
  for (const auto& [lane, counts] : lanes) {
    if (counts.created == 1 && counts.revoked == 1 && counts.destroyed == 1) continue;
    add(problems, fmt::format("{}: {} created, {} revoked, {} destroyed", text(lane),
                              counts.created, counts.revoked, counts.destroyed));
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

Problems violations(const Produced& produced, const Entries& entries,
                    const OffsetsByPartition& committed) {
  return joined({missing(produced, entries), invented(produced, entries), out_of_order(entries),
                 overlapping(entries), revoked_too_early(entries),
                 committed_too_far(committed, produced, entries)});
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

Problems violations_by_key(const Produced& produced, const Entries& entries,
                           const OffsetsByPartition& committed) {
  return joined({violations_unordered(produced, entries, committed), out_of_order(by_slot(entries)),
                 keys_out_of_order(entries), keys_overlapping(entries)});
}

Problems violations_unordered(const Produced& produced, const Entries& entries,
                              const OffsetsByPartition& committed) {
  return joined({missing(produced, entries), invented(produced, entries),
                 revoked_too_early(by_slot(entries)),
                 committed_too_far(committed, produced, entries)});
}

}  // namespace moult::testing
