#include "tests/sim/reloads.h"

#include <algorithm>

namespace moult::sim {

void Reloads::begin_life() {
  handlers_.clear();
  for (std::size_t i = 0; i < world_.settings.handlers.size(); ++i) {
    Handler& handler = handlers_.emplace_back();
    handler.index = HandlerIndex{static_cast<std::uint32_t>(i)};
    if (world_.reads(handler.index)) continue;
    handler.phase = Phase::kAbsent;
    handler.active = handler.last = GenerationNumber{};
  }
}

bool Reloads::at_rest() const {
  return std::ranges::all_of(handlers_, [](const Handler& h) { return h.phase == Phase::kIdle; });
}

void Reloads::step(Member& member, bool calm) {
  for (Handler& handler : handlers_) {
    switch (handler.phase) {
      case Phase::kAbsent:
        go_on_absent(handler, member, calm);
        break;
      case Phase::kIdle:
        go_on_idle(handler, member);
        break;
      case Phase::kPreparing:
        go_on_preparing(handler, member, calm);
        break;
      case Phase::kTrying:
        go_on_trying(handler, member, calm);
        break;
      case Phase::kActivating:
        go_on_activating(handler, member, calm);
        break;
    }
  }
}

/// The last word on what was asked for; none when it was not heard yet.
const HandoverProgress* Reloads::told(const Handler& handler, const Member& member) {
  const auto& last = member.handover(handler.index).told;
  const bool activating = handler.phase == Phase::kActivating;
  const GenerationNumber asked = activating ? handler.active : handler.last;
  const auto phase = activating                        ? HandoverProgress::Phase::kActive
                     : handler.phase == Phase::kTrying ? HandoverProgress::Phase::kCanary
                                                       : HandoverProgress::Phase::kPrepared;
  if (!last || last->generation != asked || last->phase != phase) return nullptr;
  return &*last;
}

/// One that comes back while lanes of it are left is no new one.
void Reloads::go_on_absent(Handler& handler, Member& member, bool calm) {
  if (!calm && !world_.random.chance(world_.faults.added)) return;
  if (member.has_lanes(handler.index)) {
    if (world_.random.chance(0.5)) settle(handler);
    return;
  }
  handler.active = GenerationNumber{};
  handler.previous.reset();
  member.add({handler.index,
              world_.settings.dispatcher.handlers[static_cast<std::size_t>(handler.index)]});
  prepare(handler, member);
}

void Reloads::go_on_idle(Handler& handler, Member& member) {
  if (handler.index == world_.settings.late && world_.random.chance(world_.faults.removed)) {
    return remove(handler);
  }
  if (!world_.random.chance(world_.faults.reload)) return;
  if (handler.previous && world_.random.chance(0.25)) {
    activate(handler, member, *handler.previous);
  } else {
    prepare(handler, member);
  }
}

void Reloads::go_on_preparing(Handler& handler, Member& member, bool calm) {
  const HandoverProgress* progress = told(handler, member);
  const bool changes_its_mind = !calm && world_.random.chance(0.05);
  if (changes_its_mind || (progress != nullptr && progress->refused)) {
    if (calm || world_.random.chance(0.7)) discard(handler, member);
  } else if (progress != nullptr && progress->complete()) {
    if (!calm && world_.random.chance(0.5)) {
      try_out(handler, member);
    } else if (calm || world_.random.chance(0.7)) {
      activate(handler, member, handler.last);
    }
  }
}

/// A refusal or bad results end it, at any time; good ones only when the lanes went over.
void Reloads::go_on_trying(Handler& handler, Member& member, bool calm) {
  const HandoverProgress* progress = told(handler, member);
  const bool failed = world_.random.chance(0.1) || (progress != nullptr && progress->refused);
  if (failed && (calm || world_.random.chance(0.7))) {
    discard(handler, member);
  } else if (progress != nullptr && progress->complete() && !progress->refused) {
    if (calm || world_.random.chance(0.3)) activate(handler, member, handler.last);
  }
}

void Reloads::go_on_activating(Handler& handler, Member& member, bool calm) {
  const HandoverProgress* progress = told(handler, member);
  if (progress != nullptr && progress->complete()) {
    settle(handler);
  } else if (progress != nullptr && progress->refused && (calm || world_.random.chance(0.5))) {
    const bool insists = world_.random.chance(0.3);
    activate(handler, member, insists ? handler.active : handler.previous.value_or(handler.active));
  } else if (!calm && world_.random.chance(0.1)) {
    // Lanes may be on their way, or hang.
    if (handler.previous && world_.random.chance(0.5)) {
      activate(handler, member, *handler.previous);
    } else {
      prepare(handler, member);
    }
  }
}

/// A handler's topics are read as soon as it is live, and the group brings their partitions.
void Reloads::settle(Handler& handler) {
  handler.phase = handler.is_live() ? Phase::kIdle : Phase::kAbsent;
  if (handler.index == world_.settings.late) world_.late_is_read = handler.is_live();
}

/// It reads nothing any more; its partitions go with a rebalance.
void Reloads::remove(Handler& handler) {
  world_.note("handler {}: removed", static_cast<std::size_t>(handler.index));
  handler.phase = Phase::kAbsent;
  world_.late_is_read = false;
}

void Reloads::prepare(Handler& handler, Member& member) {
  handler.phase = Phase::kPreparing;
  handler.last = GenerationNumber{static_cast<std::uint32_t>(handler.last) + 1};
  member.prepare(handler.index, handler.last);
}

void Reloads::try_out(Handler& handler, Member& member) {
  handler.phase = Phase::kTrying;
  Canary canary{handler.index, 0, 0};
  if (world_.random.chance(0.5)) {
    canary.lanes = world_.random.between(1, 3);
  } else {
    canary.percent = static_cast<std::uint32_t>(world_.random.between(1, 100));
  }
  member.canary(canary);
}

void Reloads::activate(Handler& handler, Member& member, GenerationNumber generation) {
  handler.phase = Phase::kActivating;
  if (generation != handler.active && handler.is_live()) handler.previous = handler.active;
  handler.active = generation;
  HandlerPolicy policy = draw_policy(world_.random);
  policy.max_ahead_bytes = member.handover(handler.index).policy.max_ahead_bytes;
  member.activate({handler.index, generation, policy});
}

/// Lanes may still be on their way to what is active.
void Reloads::discard(Handler& handler, Member& member) {
  handler.phase = Phase::kActivating;
  member.discard(handler.index);
}

}  // namespace moult::sim
