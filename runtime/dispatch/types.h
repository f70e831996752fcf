#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>

namespace moult {

using Offset = std::int64_t;
inline constexpr Offset kNoOffsetLimit = std::numeric_limits<Offset>::max();

/// Counts the assignments of one consumer; every lane carries the one it was made in, which is what
/// fences off work that outlived its assignment.
using Epoch = std::uint64_t;

struct TopicPartition {
  std::string topic;
  std::int32_t partition = 0;

  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

/// Names one lane of one consumer in one epoch; never used twice.
enum class LaneId : std::uint64_t {};

/// The position of a handler in its consumer's config.
enum class HandlerIndex : std::uint32_t {};

/// One of the lanes that the records of a partition are spread over, from 0.
enum class SlotIndex : std::uint32_t {};

/// Numbers the generations of one handler, from 1; never used twice.
enum class GenerationNumber : std::uint32_t {};

/// Names one commit request, so that its answer finds it.
enum class CommitId : std::uint64_t {};

/// Offsets from `begin` up to, but not with, `end`. What lies between two ranges does not exist in
/// the partition (compaction, control records, aborted transactions).
struct OffsetRange {
  Offset begin = 0;
  Offset end = 0;

  bool empty() const { return begin >= end; }
  friend bool operator==(const OffsetRange&, const OffsetRange&) = default;
};

/// Why a lane ends.
enum class EndReason : std::uint32_t {
  kRevoked = 1,   // the group gives the partition to someone else
  kLost = 2,      // it is gone already: no drain, no commit
  kStopping = 3,  // the daemon stops
  kReplaced = 4,  // a newer generation takes the lane over
};

}  // namespace moult
