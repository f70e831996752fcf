#include "tests/chaos/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>

namespace moult::testing {
namespace {

constexpr std::size_t kMostProblems = 20;
// How long after a fault its consequences may come to light: a session that ends, and the rebalance
// that follows.
constexpr std::int64_t kAftermath = std::chrono::nanoseconds(std::chrono::seconds(15)).count();
// What a process does after SIGCONT until a heartbeat tells it that its session has ended.
constexpr std::int64_t kInHand = std::chrono::nanoseconds(std::chrono::seconds(5)).count();

std::string text(const RecordId& id) {
  return fmt::format("{}[{}]@{}", id.partition.topic, id.partition.partition, id.offset);
}

std::map<RecordId, std::int64_t> first_handled(const Entries& entries) {
  std::map<RecordId, std::int64_t> when;
  for (const Entry& entry : entries) {
    if (entry.event != Event::kRecord) continue;
    const auto [at, first] = when.try_emplace(entry.id(), entry.end_ns);
    if (!first) at->second = std::min(at->second, entry.end_ns);
  }
  return when;
}

/// A process that was stopped may not have committed what it handled, and goes on with what it has
/// in hand until it hears that it has lost it.
bool concerns(const Happening& happening, const Entry& before, const Entry& again) {
  if (happening.excuse != Excuse::kOneProcess) return happening.excuse == Excuse::kEveryone;
  if (happening.pid == before.lane.pid) return true;
  return happening.pid == again.lane.pid && again.start_ns - happening.end_ns < kInHand;
}

bool explains(const Happening& happening, const Entry& before, const Entry& again) {
  const bool too_late = happening.begin_ns > again.start_ns;
  const bool too_early =
      happening.end_ns < before.start_ns && before.start_ns - happening.end_ns > kAftermath;
  return concerns(happening, before, again) && !too_late && !too_early;
}

/// By the time of their handling. The ledger has them by the end of their batches, and a process
/// that was stopped in one writes it late.
Entries handled_in_time(const Entries& entries) {
  Entries records = of_event(entries, Event::kRecord);
  std::ranges::stable_sort(records, {}, &Entry::start_ns);
  return records;
}

void append(Problems& all, const Problems& some) {
  all.insert(all.end(), some.begin(), some.end());
}

}  // namespace

Problems committed_before_handled(const std::vector<Commits>& samples, const Produced& produced,
                                  const Entries& entries) {
  Problems problems;
  const auto handled = first_handled(entries);
  for (const Commits& sample : samples) {
    for (const auto& [id, sequence] : produced) {
      const auto committed = sample.offsets.find(id.partition);
      if (committed == sample.offsets.end() || id.offset >= committed->second) continue;
      const auto at = handled.find(id);
      if (at != handled.end() && at->second <= sample.at_ns) continue;
      problems.push_back(
          fmt::format("{} was committed to {} before it was handled", text(id), committed->second));
      if (problems.size() >= kMostProblems) return problems;
    }
  }
  return problems;
}

std::vector<std::string> rewinds(const std::vector<Commits>& samples) {
  std::vector<std::string> found;
  std::map<TopicPartition, Offset> last;
  for (const Commits& sample : samples) {
    for (const auto& [partition, offset] : sample.offsets) {
      const Offset before = std::exchange(last[partition], offset);
      if (offset >= before) continue;
      found.push_back(fmt::format("{:.3f} s: {}[{}] went back from {} to {}",
                                  static_cast<double>(sample.at_ns) / 1e9, partition.topic,
                                  partition.partition, before, offset));
    }
  }
  return found;
}

Problems unexplained_repeats(const Entries& entries, const std::vector<Happening>& happenings) {
  Problems problems;
  std::map<RecordId, Entry> last;
  for (const Entry& entry : handled_in_time(entries)) {
    const auto [at, first] = last.try_emplace(entry.id(), entry);
    if (first) continue;
    const Entry before = std::exchange(at->second, entry);
    if (std::ranges::any_of(happenings,
                            [&](const auto& each) { return explains(each, before, entry); })) {
      continue;
    }
    problems.push_back(
        fmt::format("{}: handled by process {} in epoch {}, again by {} in epoch {} "
                    "{} ms later, and no fault says why",
                    text(entry.id()), before.lane.pid, before.lane.epoch, entry.lane.pid,
                    entry.lane.epoch, (entry.start_ns - before.end_ns) / 1'000'000));
    if (problems.size() >= kMostProblems) return problems;
  }
  return problems;
}

Problems violations_in_chaos(const Produced& produced, const Entries& entries,
                             const std::vector<Commits>& samples, bool by_key) {
  Problems all = missing(produced, entries);
  append(all, invented(produced, entries));
  append(all, committed_before_handled(samples, produced, entries));
  const Entries lanes = by_key ? by_slot(entries) : entries;
  append(all, out_of_order(lanes));
  append(all, revoked_too_early(lanes));
  if (by_key) append(all, keys_out_of_order(entries));
  std::set<pid_t> pids;
  for (const Entry& entry : entries) pids.insert(entry.lane.pid);
  for (const pid_t pid : pids) {
    const Entries own = of_pid(entries, pid);
    append(all, by_key ? keys_overlapping(own) : overlapping(own));
  }
  return all;
}

}  // namespace moult::testing
