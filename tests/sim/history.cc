#include "tests/sim/history.h"

#include <algorithm>

namespace moult::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;

namespace {

/// Hung handlers end, backoffs are capped: the quiet end takes no longer.
constexpr Duration kCalmLimit = minutes(20);
constexpr std::size_t kMaxEvents = 400'000;

}  // namespace

History::History(std::uint64_t seed, const HistoryOptions& options)
    : world_(seed, options.world_steps),
      broker_(world_),
      reloads_(world_),
      undisturbed_(options.undisturbed) {
  if (undisturbed_) leave_undisturbed();
  if (options.stream) world_.trace.stream();
}

HistoryResult History::run() {
  HistoryResult result;
  try {
    play();
  } catch (const Violation& violation) {
    result.violation = violation.what();
    for (std::size_t i = 0; i < world_.trace.size(); ++i) {
      result.trace.push_back(world_.trace.line(i));
    }
  }
  result.hash = world_.trace.hash();
  result.events = world_.trace.size();
  return result;
}

void History::play() {
  start_member();
  world_.schedule.after(milliseconds(1), [this] { step(); });
  std::size_t events = 0;
  while (!over_) {
    expect(world_.schedule.run_next(), "nothing is left to happen");
    expect(++events < kMaxEvents, "the history does not end: a busy loop");
  }
}

void History::leave_undisturbed() {
  Faults& faults = world_.faults;
  faults.rebalance = faults.eviction = faults.crash = 0;
  faults.stop = faults.quiet = faults.truncation = faults.removed = 0;
  faults.reload = 0.3;
}

// ---- The world's steps --------------------------------------------------------------------------

void History::step() {
  if (calm_) {
    check_progress();
  } else if (++steps_ < world_.settings.world_steps) {
    step_logs();
    step_group();
  } else {
    calm_ = true;
    calm_since_ = world_.schedule.now();
    world_.faults = Faults{};
    world_.note("-- no more faults");
    for (std::size_t p = 0; p < world_.partitions.size(); ++p) {
      world_.append(p, 1);
      if (member_) member_->log_grew(p);
    }
  }
  if (over_) return;
  const Duration most = calm_ || world_.random.chance(0.9) ? milliseconds(100) : milliseconds(5000);
  world_.schedule.after(world_.random.between(milliseconds(1), most), [this] { step(); });
}

void History::step_logs() {
  const std::size_t p = world_.random.between(0, world_.partitions.size() - 1);
  if (world_.random.chance(world_.faults.truncation)) {
    const auto end = static_cast<std::uint64_t>(world_.partitions[p].end());
    const auto cut = world_.random.chance(0.5) ? 0 : world_.random.between(0, end);
    world_.partitions[p].truncate(static_cast<Offset>(cut), world_.ledger);
    world_.note("broker: p{} cut to {}", p, static_cast<std::int64_t>(cut));
    if (member_) member_->log_cut(p);
  }
  if (world_.random.chance(0.5)) {
    world_.append(p, world_.random.between(0, 12));
    if (member_) member_->log_grew(p);
  }
  const auto free = free_partitions();
  if (member_ && !free.empty() && world_.random.chance(0.1)) someone_else(world_.random.pick(free));
}

void History::step_group() {
  if (!member_) return;
  const Faults& faults = world_.faults;
  Random& random = world_.random;
  if (random.chance(faults.crash)) return member_died(true);
  if (closing_) return;
  reloads_.step(*member_, /*calm=*/false);
  step_pauses();
  if (random.chance(faults.quiet)) member_->quiet();
  if (random.chance(faults.stop) || (member_->is_quiet() && random.chance(0.1))) member_->stop();
  if (rebalancing_) return;
  if (const auto unread = unread_partitions(); !unread.empty()) return give_back(unread);
  if (random.chance(faults.eviction)) return evict();
  if (random.chance(faults.rebalance)) return rebalance();
  if (!free_partitions().empty() && random.chance(0.1)) assign_soon(false);
}

/// An operator holds a handler back, and lets it go on; now and then says it once more.
void History::step_pauses() {
  const double pause = world_.faults.pause;
  for (const auto& [handler, paused] : member_->pauses()) {
    const bool turns = world_.random.chance(paused ? 0.2 : pause);
    const bool again = world_.random.chance(pause * 0.2);
    if (turns || again) member_->pause(handler, turns != paused);
  }
}

/// The quiet end: everything is assigned, finished, committed; then the process stops.
void History::check_progress() {
  if (world_.schedule.now() - calm_since_ > kCalmLimit) {
    for (std::size_t p = 0; p < world_.partitions.size(); ++p) {
      world_.note("stuck: p{} ends at {}, committed {}", p, world_.partitions[p].end(),
                  world_.partitions[p].committed().value_or(-1));
    }
    expect(reloads_.at_rest(), "a handover does not end");
    expect(false, "records stay unfinished or uncommitted");
  }
  if (!member_ || closing_) return;
  reloads_.step(*member_, /*calm=*/true);
  for (const auto& [handler, paused] : member_->pauses()) {
    if (paused) member_->pause(handler, false);
  }
  if (rebalancing_) return;
  if (member_->is_quiet()) {
    if (!member_->stopping() && !stop_asked_) member_->stop();
    stop_asked_ = true;
  } else if (const auto unread = unread_partitions(); !unread.empty()) {
    give_back(unread);
  } else if (!free_partitions().empty()) {
    assign_soon(true);
  } else if (member_->in_trouble()) {
    rebalance();  // somebody acts: the partition goes and comes back
  } else if (settled() && reloads_.at_rest() && !stop_asked_) {
    stop_asked_ = true;
    member_->stop();
  }
}

bool History::settled() const {
  return world_.ledger.all_settled() &&
         std::ranges::all_of(world_.partitions, [](const Partition& p) { return p.lag_is_zero(); });
}

// ---- Lives of the process -----------------------------------------------------------------------

void History::start_member() {
  ++starts_;
  world_.note("-- start {}", starts_);
  broker_.next_generation();
  rebalancing_ = closing_ = stop_asked_ = false;
  member_ = std::make_unique<Member>(
      world_, broker_,
      GroupCalls{[this](const auto& partitions) { on_unassigned(partitions); },
                 [this](bool clean) { on_stopped(clean); }},
      world_.random.next());
  reloads_.begin_life();
  assign_soon(false);
}

void History::on_unassigned(const std::vector<std::size_t>&) {
  broker_.next_generation();
  if (!closing_) return assign_soon(calm_);
  world_.schedule.after(microseconds(1), [this] {
    member_->expect_all_closed();
    member_died(false);
    over_ = calm_ && settled();
    expect(!undisturbed_ || world_.ledger.none_repeated(), "a reload repeated a record");
  });
}

void History::on_stopped(bool clean) {
  closing_ = true;
  // A process that can't stop its handlers is ended by force.
  if (!clean) return member_died(true);
  world_.schedule.after(microseconds(1), [this, life = starts_] {
    if (member_ && life == starts_) close_consumer();
  });
}

void History::close_consumer() {
  const auto& owned = member_->owned();
  member_->revoked({owned.begin(), owned.end()});
}

void History::member_died(bool crashed) {
  world_.note(crashed ? "-- crash" : "-- end of the process");
  if (crashed) {
    undisturbed_ = false;
    for (const std::size_t p : member_->owned()) world_.partitions[p].excuse();
  }
  member_->die();
  // Still on the stack, maybe.
  dead_.push_back(std::move(member_));
  world_.schedule.after(world_.random.between(milliseconds(1), milliseconds(3000)),
                        [this] { start_member(); });
}

// ---- The group ----------------------------------------------------------------------------------

std::vector<std::size_t> History::free_partitions() const {
  std::vector<std::size_t> free;
  for (std::size_t p = 0; p < world_.partitions.size(); ++p) {
    if (!world_.reads(world_.partitions[p].handler)) continue;
    if (!member_ || !member_->owned().contains(p)) free.push_back(p);
  }
  return free;
}

/// Assigned, and of a handler that was removed.
std::vector<std::size_t> History::unread_partitions() const {
  std::vector<std::size_t> unread;
  for (const std::size_t p : member_->owned()) {
    if (!world_.reads(world_.partitions[p].handler)) unread.push_back(p);
  }
  return unread;
}

std::vector<std::size_t> History::some_of(const std::set<std::size_t>& from) {
  std::vector<std::size_t> some;
  for (const std::size_t p : from) {
    if (world_.random.chance(0.5)) some.push_back(p);
  }
  return some;
}

void History::rebalance() { give_back(some_of(member_->owned())); }

/// These, or all when the group is not cooperative.
void History::give_back(std::vector<std::size_t> partitions) {
  const std::set<std::size_t>& owned = member_->owned();
  if (!world_.settings.cooperative) partitions.assign(owned.begin(), owned.end());
  if (partitions.empty()) return;
  rebalancing_ = true;
  undisturbed_ = false;
  member_->revoked(partitions);
}

void History::assign_soon(bool all) {
  rebalancing_ = true;
  const Duration wait = world_.random.chance(0.3)
                            ? world_.random.between(milliseconds(100), milliseconds(3000))
                            : world_.random.between(microseconds(10), microseconds(20'000));
  world_.schedule.after(wait, [this, all, life = starts_] {
    if (!member_ || life != starts_) return;
    rebalancing_ = false;
    if (!closing_) assign_some(all);
  });
}

void History::assign_some(bool all) {
  broker_.next_generation();
  std::vector<std::size_t> wanted;
  for (const std::size_t p : free_partitions()) {
    if (all || world_.random.chance(0.8)) wanted.push_back(p);
  }
  member_->assigned(wanted);
}

/// The group gave up on this member: others go on with its partitions before it hears of it.
void History::evict() {
  const std::set<std::size_t> owned = member_->owned();
  std::vector<std::size_t> gone(owned.begin(), owned.end());
  if (world_.random.chance(0.2)) gone = some_of(owned);
  if (gone.empty()) return;
  rebalancing_ = true;
  broker_.evict();
  member_->evicted(gone);
  for (const std::size_t p : gone) {
    world_.partitions[p].excuse();
    if (world_.random.chance(0.5)) someone_else(p);
  }
  const Duration unheard = world_.random.between(microseconds(100), milliseconds(500));
  world_.schedule.after(unheard, [this, gone, life = starts_] {
    if (member_ && life == starts_ && !closing_) member_->lost(gone);
  });
}

/// Another member has the partition for a while.
void History::someone_else(std::size_t p) {
  Partition& partition = world_.partitions[p];
  const Offset start = partition.take_over(world_.ledger);
  const auto left = static_cast<std::uint64_t>(partition.end() - start);
  const Offset stop = start + static_cast<Offset>(world_.random.between(0, left));
  for (Offset offset = start; offset < stop; ++offset) {
    if (const auto id = partition.at(offset)) world_.ledger.finish(*id, false);
  }
  partition.commit(stop, partition.incarnation());
  world_.note("elsewhere: p{} from {} to {}", p, start, stop);
}

HistoryResult run_history(std::uint64_t seed, const HistoryOptions& options) {
  return History(seed, options).run();
}

}  // namespace moult::sim
