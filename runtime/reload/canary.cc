#include "runtime/reload/canary.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

namespace moult {
namespace {

// By how many batches failures are measured when it is not said how many there will be.
constexpr std::uint64_t kSample = 20;

// Below this the difference of a batch is noise: a cold cache, a page fault.
constexpr Duration kNoise = std::chrono::milliseconds(1);

// For a lane that was about to go over when the time ended, and for the word that it is there.
constexpr Duration kOnItsWay = std::chrono::seconds(5);

using Micros = std::chrono::duration<double, std::micro>;

/// One batch alone says nothing: its worker may have had to wait for a processor.
TallyCount without_longest(TallyCount count) {
  count.records -= count.longest.records;
  count.busy -= count.longest.busy;
  return count;
}

Micros each(const TallyCount& count) {
  return Micros(count.busy) / static_cast<double>(count.records);
}

double failing(const TallyCount& count) {
  if (count.batches == 0) return 0;
  return static_cast<double>(count.failed) / static_cast<double>(count.batches);
}

/// As soon as it is certain, for every failure holds up a lane.
std::optional<std::string> fails_too_often(const CanaryPolicy& policy, const TallyCount& older,
                                           const TallyCount& newer) {
  const std::uint64_t planned = policy.batches > 0 ? policy.batches : kSample;
  const double share = failing(older) + policy.max_failures / 100.0;
  const double allowed = share * static_cast<double>(std::max(newer.batches, planned));
  if (static_cast<double>(newer.failed) <= allowed) return std::nullopt;
  return fmt::format(
      "{} of its {} batches failed; of the old generation's {} of {} in the same time",
      newer.failed, newer.batches, older.failed, older.batches);
}

std::optional<std::string> is_too_slow(const CanaryPolicy& policy, const TallyCount& older,
                                       const TallyCount& all_newer) {
  const TallyCount newer = without_longest(all_newer);
  if (policy.max_slowdown == 0 || older.records == 0 || newer.records == 0) return std::nullopt;
  const Micros expected = each(older) * static_cast<double>(newer.records);
  const Micros excess = Micros(newer.busy) - expected;
  if (Micros(newer.busy) <= expected * policy.max_slowdown) return std::nullopt;
  if (excess <= Micros(kNoise) * static_cast<double>(newer.batches)) return std::nullopt;
  return fmt::format("it takes {:.1f} us a record, the old generation {:.1f} in the same time",
                     each(newer).count(), each(older).count());
}

CanaryVerdict bad(std::string reason) {
  return {CanaryVerdict::Kind::kBad, "canary: " + std::move(reason)};
}

}  // namespace

TallyCount TallyCount::of(const GenerationTally& tally) {
  TallyCount count;
  // A failure is counted before its batch.
  count.batches = tally.batches.load(std::memory_order_acquire);
  count.begun = tally.begun.load(std::memory_order_relaxed);
  count.failed = std::min(tally.failed.load(std::memory_order_relaxed), count.batches);
  // Before those that it is part of.
  count.longest = tally.longest.load();
  count.records = tally.records.load(std::memory_order_relaxed);
  count.busy = Duration(tally.busy.load(std::memory_order_relaxed));
  return count;
}

TallyCount TallyCount::since(const TallyCount& before) const {
  return {begun - before.begun,     batches - before.batches, failed - before.failed,
          records - before.records, busy - before.busy,       longest};
}

CanaryVerdict judge_canary(const CanaryPolicy& policy, const TallyCount& older,
                           const TallyCount& newer, bool time_is_over) {
  if (auto reason = fails_too_often(policy, older, newer)) return bad(std::move(*reason));
  const bool seen_enough = policy.batches > 0 && newer.batches >= policy.batches;
  if (!seen_enough && !time_is_over) return {};
  if (newer.batches == 0 && newer.begun > 0) return bad("its first batch did not end in time");
  if (auto reason = is_too_slow(policy, older, newer)) return bad(std::move(*reason));
  return {CanaryVerdict::Kind::kGood, {}};
}

CanaryVerdict judge_arrival(const CanaryPolicy& policy, CanaryVerdict verdict, bool arrived,
                            Duration took) {
  if (verdict.kind != CanaryVerdict::Kind::kGood || arrived) return verdict;
  if (took < policy.time + kOnItsWay) return {};
  return bad("a lane did not go over to it in time");
}

}  // namespace moult
