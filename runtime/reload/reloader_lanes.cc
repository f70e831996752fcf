// How a reload moves lanes: prepared, tried out, activated, and taken back.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/reload/reloader.h"

namespace moult {
namespace {

// How often a canary is looked at.
constexpr Duration kCanaryLook = std::chrono::milliseconds(10);

// A poller that is not ended answers at once.
constexpr Duration kHeardWait = std::chrono::seconds(10);

/// Those of the lanes that went first.
void add_pauses(const HandlerReload& tried, HandlerReload& handler) {
  handler.worst_pause = std::max(handler.worst_pause, tried.worst_pause);
  handler.total_pause += tried.total_pause;
}

}  // namespace

// ---- Lanes --------------------------------------------------------------------------------------

/// Every lane gets its instance of the new generation first; a few may try it out; from then on
/// all go over.
Reloader::HandedOver Reloader::hand_over(const std::vector<Move>& moves, Milliseconds timeout,
                                         ReloadReport& report) {
  if (moves.empty()) return HandedOver::kAll;
  const TimePoint began = Clock::now();
  ask_prepare(moves);
  const Wait prepared = wait_until_all(moves, Step::kPrepared, began + timeout);
  note_progress(moves, report);
  if (prepared != Wait::kThere) {
    discard(moves, prepared, timeout, report);
    return HandedOver::kNothing;
  }
  const TimePoint trying = Clock::now();
  const Wait tried = try_out(moves, report);
  if (tried != Wait::kThere) {
    discard(moves, tried, timeout, report);
    return HandedOver::kNothing;
  }
  // The time of the canary is its own.
  const Duration tried_for = Clock::now() - trying;
  return go_live(moves, began + tried_for, timeout, report);
}

Reloader::HandedOver Reloader::go_live(const std::vector<Move>& moves, TimePoint began,
                                       Milliseconds timeout, ReloadReport& report) {
  std::vector<HandlerReload> tried;
  for (const Move& move : moves) {
    HandlerReload& handler = entry_of(move.target, report);
    handler.lanes_there = 0;
    tried.push_back(handler);
  }
  ask_activate(moves);
  const Wait active = wait_until_all(moves, Step::kActive, began + timeout);
  note_progress(moves, report);
  for (std::size_t i = 0; i < moves.size(); ++i) {
    if (tried[i].canary) add_pauses(tried[i], entry_of(moves[i].target, report));
  }
  if (active == Wait::kRefused) {
    take_back(moves, began + timeout, report);
    return HandedOver::kNothing;
  }
  for (HandlerReload& handler : report.handlers) {
    if (!handler.to) continue;
    const bool all = handler.lanes_there == handler.lanes;
    handler.result = all ? HandlerReload::Result::kActive : HandlerReload::Result::kLagging;
    handler.swap_took = Clock::now() - began;
  }
  settle(moves);
  return active == Wait::kThere ? HandedOver::kAll : HandedOver::kLagging;
}

// ---- Canary -------------------------------------------------------------------------------------

/// Some lanes of each handler that wants it go first.
Reloader::Wait Reloader::try_out(const std::vector<Move>& moves, ReloadReport& report) {
  std::vector<Trial> trials = begin_trials(moves, report);
  if (trials.empty()) return Wait::kThere;
  const Wait ended = watch(trials);
  note_progress(moves, report);
  end_trials(trials);
  return ended;
}

Reloader::Wait Reloader::watch(std::vector<Trial>& trials) {
  const TimePoint began = Clock::now();
  for (;;) {
    bool all_decided = true;
    for (Trial& trial : trials) {
      if (!judge(trial, Clock::now() - began)) return Wait::kRefused;
      all_decided = all_decided && trial.decided;
    }
    if (all_decided) return Wait::kThere;
    if (const auto why = interruption(trials)) return *why;
  }
}

void Reloader::end_trials(const std::vector<Trial>& trials) {
  const std::lock_guard lock(mutex_);
  on_trial_.clear();
  if (trial_ends_.empty()) return;
  for (const Trial& trial : trials) {
    if (trial.entry->refused.empty()) trial.entry->refused = "canary: ended by a rollback";
  }
}

std::vector<Reloader::Trial> Reloader::begin_trials(const std::vector<Move>& moves,
                                                    ReloadReport& report) {
  std::vector<Trial> trials;
  for (const Move& move : moves) {
    if (!move.canary) continue;
    const Target& target = targets_[move.target];
    Trial& trial = trials.emplace_back(Trial{&move,
                                             target.handler->use(target.active.number),
                                             target.handler->use(move.to.number),
                                             {},
                                             &entry_of(move.target, report)});
    trial.older_before = TallyCount::of(trial.older->tally());
    trial.newer->set_on_probation(true);
    {
      const std::lock_guard lock(mutex_);
      on_trial_.insert(target.handler->name());
    }
    port_of(target).canary({target.index, move.canary->lanes, move.canary->percent});
  }
  return trials;
}

/// False when the new generation is no good.
bool Reloader::judge(Trial& trial, Duration took) {
  if (trial.decided) return true;
  const TallyCount older = TallyCount::of(trial.older->tally()).since(trial.older_before);
  const TallyCount newer = TallyCount::of(trial.newer->tally());
  const CanaryPolicy& policy = *trial.move->canary;
  const CanaryVerdict verdict = judge_arrival(
      policy, judge_canary(policy, older, newer, took >= policy.time), arrived(trial), took);
  trial.entry->canary = {older, newer, took};
  trial.entry->refused = verdict.reason;
  trial.decided = verdict.kind != CanaryVerdict::Kind::kUndecided;
  if (verdict.kind == CanaryVerdict::Kind::kGood) trial.newer->set_on_probation(false);
  return verdict.kind != CanaryVerdict::Kind::kBad;
}

/// Whether the lanes that were chosen have gone over.
bool Reloader::arrived(const Trial& trial) {
  const std::lock_guard lock(mutex_);
  const HandoverProgress* progress = progress_of(*trial.move);
  return progress && progress->phase == HandoverProgress::Phase::kCanary && progress->complete();
}

/// Why a trial can't go on, within a short while.
std::optional<Reloader::Wait> Reloader::interruption(const std::vector<Trial>& trials) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kCanaryLook, [this] { return stopping_ || !trial_ends_.empty(); });
  if (stopping_) return Wait::kStopped;
  if (!trial_ends_.empty()) return Wait::kRefused;
  for (const Trial& trial : trials) {
    const HandoverProgress* progress = progress_of(*trial.move);
    if (progress && progress->refused) return Wait::kRefused;
  }
  return std::nullopt;
}

HandlerReload& Reloader::entry_of(std::size_t target, ReloadReport& report) const {
  const Target& its = targets_[target];
  return *std::ranges::find_if(report.handlers, [&](const HandlerReload& entry) {
    return entry.group == group_of(its) && entry.handler == its.handler->name();
  });
}

/// What was told of it last. Under the mutex.
const HandoverProgress* Reloader::progress_of(const Move& move) const {
  const Target& target = targets_[move.target];
  const auto at = progress_.find({target.group, target.index});
  return at == progress_.end() ? nullptr : &at->second;
}

// ---- Steps --------------------------------------------------------------------------------------

void Reloader::ask_prepare(const std::vector<Move>& moves) {
  forget_progress(moves);
  for (const Move& move : moves) {
    const Target& target = targets_[move.target];
    port_of(target).prepare({target.index, move.to.number});
  }
}

void Reloader::ask_activate(const std::vector<Move>& moves) {
  forget_progress(moves);
  for (const Move& move : moves) {
    const Target& target = targets_[move.target];
    port_of(target).activate({target.index, move.to.number, move.policy});
  }
}

/// No lane went over yet but those of a canary.
void Reloader::discard(const std::vector<Move>& moves, Wait why, Milliseconds timeout,
                       ReloadReport& report) {
  forget_progress(moves);
  for (const Move& move : moves) {
    const Target& target = targets_[move.target];
    port_of(target).discard({target.index});
  }
  const std::string reason =
      why == Wait::kStopped
          ? std::string(kReloaderStopping)
          : fmt::format("its instances were not made within {} ms", timeout.count());
  for (HandlerReload& handler : report.handlers) {
    if (why != Wait::kRefused && handler.to) handler.refused = reason;
  }
  const bool tried = std::ranges::any_of(
      report.handlers, [](const HandlerReload& it) { return it.canary.has_value(); });
  const std::vector<Move> back = moves_back(moves);
  if (tried) wait_until_back(back, Clock::now() + kHeardWait, report);
  leave(moves, back);
}

/// The lanes that went over come back.
void Reloader::take_back(const std::vector<Move>& moves, TimePoint until, ReloadReport& report) {
  const std::vector<Move> back = moves_back(moves);
  ask_activate(back);
  wait_until_back(back, std::max(until, Clock::now() + kHeardWait), report);
  leave(moves, back);
}

/// A lane does not come back whose batch does not end, or whose old version refuses the state of
/// the new one.
void Reloader::wait_until_back(const std::vector<Move>& back, TimePoint until,
                               ReloadReport& report) {
  const bool all = wait_until_all(back, Step::kActive, until) == Wait::kThere;
  for (const Move& move : back) {
    HandlerReload& handler = entry_of(move.target, report);
    if (!handler.to) continue;
    const std::string refused = std::exchange(handler.refused, {});
    handler.lanes_there = 0;
    note_progress({move}, report);
    if (!handler.refused.empty()) handler.refused = "; on the way back: " + handler.refused;
    handler.refused.insert(0, refused);
    const bool whole = all || (handler.lanes > 0 && handler.lanes_there == handler.lanes);
    handler.result = whole ? HandlerReload::Result::kTakenBack : HandlerReload::Result::kPartlyBack;
  }
}

/// What moved is not wanted. Lanes that are still there work on as with any generation.
void Reloader::leave(const std::vector<Move>& moves, const std::vector<Move>& back) {
  for (const Move& move : moves) {
    if (move.is_new) targets_[move.target].handler->use(move.to.number)->set_on_probation(false);
  }
  // From the answer on no lane will ask for an instance of it.
  const Wait heard = wait_until_all(back, Step::kHeard, Clock::now() + kHeardWait);
  if (heard == Wait::kThere) abandon(moves);
}

std::vector<Reloader::Move> Reloader::moves_back(const std::vector<Move>& moves) const {
  std::vector<Move> back;
  back.reserve(moves.size());
  for (const Move& move : moves) back.push_back(move_to_active(move.target));
  return back;
}

/// Of handlers with nothing new: a lane may still be on its way from an earlier reload, or not have
/// been able to go. True when all are there.
bool Reloader::confirm(const std::vector<Move>& same, Milliseconds timeout, ReloadReport& report) {
  if (same.empty()) return true;
  ask_activate(same);
  const Wait active = wait_until_all(same, Step::kActive, Clock::now() + timeout);
  note_progress(same, report);
  for (const Move& move : same) {
    HandlerReload& handler = entry_of(move.target, report);
    if (handler.lanes_there == handler.lanes && handler.refused.empty()) continue;
    handler.to = move.to;
    handler.result = HandlerReload::Result::kLagging;
  }
  return active == Wait::kThere;
}

/// The first refusal decides.
Reloader::Wait Reloader::wait_until_all(const std::vector<Move>& moves, Step step,
                                        TimePoint until) {
  std::unique_lock lock(mutex_);
  bool timed_out = false;
  for (;;) {
    bool all = true;
    for (const Move& move : moves) {
      const HandoverProgress* progress = progress_of(move);
      const bool heard = progress && progress->activated() == (step != Step::kPrepared) &&
                         progress->generation == move.to.number;
      if (heard && progress->refused && step != Step::kHeard) return Wait::kRefused;
      all = all && heard && (step == Step::kHeard || progress->complete());
    }
    // A stop leaves no lane to hand over, and all of none are there.
    if (stopping_) return Wait::kStopped;
    if (all) return Wait::kThere;
    if (timed_out) return Wait::kTimedOut;
    timed_out = changed_.wait_until(lock, until) == std::cv_status::timeout;
  }
}

void Reloader::note_progress(const std::vector<Move>& moves, ReloadReport& report) {
  const std::lock_guard lock(mutex_);
  for (const Move& move : moves) {
    const HandoverProgress* progress = progress_of(move);
    if (!progress) continue;
    HandlerReload& handler = entry_of(move.target, report);
    handler.lanes = progress->lanes;
    handler.lanes_there = progress->there;
    handler.lagging = progress->lagging;
    handler.worst_pause = progress->worst_pause;
    handler.total_pause = progress->total_pause;
    if (progress->refused) handler.refused = *progress->refused;
  }
}

void Reloader::forget_progress(const std::vector<Move>& moves) {
  const std::lock_guard lock(mutex_);
  for (const Move& move : moves) {
    progress_.erase({targets_[move.target].group, targets_[move.target].index});
  }
}

}  // namespace moult
