#pragma once

#include <optional>
#include <vector>

#include "tests/sim/member.h"

namespace moult::sim {

/// Who reloads the handlers of one life of the process, each by itself: prepares a generation, then
/// activates it when every lane has it, or discards it; goes back to the one before now and then.
/// One handler is added in this way, and removed.
class Reloads {
 public:
  explicit Reloads(World& world) : world_(world) {}

  /// The process starts.
  void begin_life();

  /// `calm`: begins nothing, and ends what is under way; every handler is there then.
  void step(Member& member, bool calm);

  /// Every lane of every handler is where it ought to be.
  bool at_rest() const;

 private:
  enum class Phase { kAbsent, kIdle, kPreparing, kTrying, kActivating };

  struct Handler {
    HandlerIndex index{};
    Phase phase = Phase::kIdle;
    GenerationNumber active{1};
    std::optional<GenerationNumber> previous;
    GenerationNumber last{1};  // number given out

    bool is_live() const { return active != GenerationNumber{}; }
  };

  void go_on_absent(Handler& handler, Member& member, bool calm);
  void go_on_idle(Handler& handler, Member& member);
  void go_on_preparing(Handler& handler, Member& member, bool calm);
  void go_on_trying(Handler& handler, Member& member, bool calm);
  void go_on_activating(Handler& handler, Member& member, bool calm);
  static const HandoverProgress* told(const Handler& handler, const Member& member);
  void settle(Handler& handler);
  void remove(Handler& handler);
  void prepare(Handler& handler, Member& member);
  void try_out(Handler& handler, Member& member);
  void activate(Handler& handler, Member& member, GenerationNumber generation);
  static void discard(Handler& handler, Member& member);

  World& world_;
  std::vector<Handler> handlers_;
};

}  // namespace moult::sim
