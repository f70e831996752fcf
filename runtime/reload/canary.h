#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/time.h"
#include "runtime/workers/running_generation.h"

namespace moult {

/// How a new generation is tried out before it has every lane.
struct CanaryPolicy {
  std::uint32_t lanes = 1;         // 0: by percent
  std::uint32_t percent = 0;       // of the lanes, at least one
  std::uint32_t batches = 0;       // enough when it has handled so many; 0: the time decides
  Duration time{};                 // at most
  std::uint32_t max_failures = 0;  // percent of its batches, above what the old one fails
  std::uint32_t max_slowdown = 0;  // times the old one's time a record, by all of its batches but
                                   // the longest; 0: no limit
};

/// What a generation did in a while.
struct TallyCount {
  std::uint64_t begun = 0;
  std::uint64_t batches = 0;
  std::uint64_t failed = 0;
  std::uint64_t records = 0;
  Duration busy{0};
  LongestBatch::Batch longest = {};  // of all, not of a while

  static TallyCount of(const GenerationTally& tally);
  /// Since `before`.
  TallyCount since(const TallyCount& before) const;
};

struct CanaryVerdict {
  enum class Kind : std::uint8_t { kUndecided, kGood, kBad };

  Kind kind = Kind::kUndecided;
  std::string reason;  // when it is bad
};

/// Judges the new generation by the old one in the same time, and by what it was given to do.
CanaryVerdict judge_canary(const CanaryPolicy& policy, const TallyCount& older,
                           const TallyCount& newer, bool time_is_over);

/// A generation is good once each chosen lane has gone over to it. One may be on its way when the
/// time is over: then it has a moment more.
CanaryVerdict judge_arrival(const CanaryPolicy& policy, CanaryVerdict verdict, bool arrived,
                            Duration took);

/// What a canary saw, for people.
struct CanaryResult {
  TallyCount older;
  TallyCount newer;
  Duration took{0};
};

}  // namespace moult
