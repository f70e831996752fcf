#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tests/sim/world.h"

namespace moult::sim {

struct CommitRequest {
  struct Part {
    std::size_t partition;
    Offset offset;
    std::uint32_t incarnation;
  };
  CommitId id{};
  std::vector<Part> parts;
};

/// The group coordinator: takes commits of the current generation, late, failing or losing them as
/// the history's faults have it. They keep the order in which they were sent, but for one that the
/// client had to try again: others that were sent before its answer may come first. Answers
/// come in the order in which commits were taken.
class Broker {
 public:
  explicit Broker(World& world) : world_(world) {}

  using Answer = std::function<void(bool ok)>;
  void commit(CommitRequest request, Answer answer);

  /// The member joins again: commits that were sent before are refused from now on.
  void next_generation() { member_generation_ = ++generation_; }

  /// The group goes on without the member, which does not know it yet.
  void evict() { ++generation_; }

 private:
  enum class Fate { kFine, kFails, kRetried, kRequestLost, kAnswerLost };

  Fate draw_fate();
  bool apply(const CommitRequest& request, std::uint64_t generation);

  World& world_;
  std::uint64_t generation_ = 1;
  std::uint64_t member_generation_ = 1;
  TimePoint last_applied_{};
  TimePoint last_answered_{};
};

}  // namespace moult::sim
