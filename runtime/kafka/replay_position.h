#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/dispatch/types.h"

namespace moult::kafka {

/// How far the replay of one partition of a dead-letter topic has come: everything below next() is
/// done, and of what lies above it the runs that a replay with a filter took out.
///
/// A committed offset alone can't say that. The runs go into the commit's metadata, a text that
/// brokers keep beside the offset.
class ReplayPosition {
 public:
  /// What a broker takes unless `offset.metadata.max.bytes` says otherwise.
  static constexpr std::size_t kMaxMetadata = 4'096;

  explicit ReplayPosition(Offset next = 0) : next_(next) {}
  /// Of a committed offset. Fails on a text that is none of ours.
  static Result<ReplayPosition> parse(Offset committed, std::string_view metadata);

  Offset next() const { return next_; }
  std::string metadata() const;
  bool fits() const { return metadata().size() <= kMaxMetadata; }

  bool done(Offset offset) const;
  /// How many offsets from `from` up to, but not with, `end` are not done.
  Offset open(Offset from, Offset end) const;

  /// Takes note that everything from `begin` up to, but not with, `end` is done.
  void finish(Offset begin, Offset end);

  friend bool operator==(const ReplayPosition&, const ReplayPosition&) = default;

 private:
  struct Run {
    Offset begin;
    Offset end;  // exclusive
    friend bool operator==(const Run&, const Run&) = default;
  };

  Offset next_;
  std::vector<Run> runs_;  // ascending, apart from each other and from next_
};

}  // namespace moult::kafka
