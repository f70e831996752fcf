#include "runtime/reload/reloader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pthread.h>

#include <algorithm>
#include <utility>

#include "runtime/base/alt_stack.h"
#include "runtime/base/check.h"

namespace moult {
namespace {

// How long a generation that nobody needs is waited for before others have their turn.
constexpr Duration kRetireWait = std::chrono::milliseconds(500);
// How often one that a handler does not let go of is looked at again.
constexpr Duration kRetireAgain = std::chrono::seconds(5);
// And a handler that was removed: its partitions go with the next rebalance.
constexpr Duration kLeavingLook = std::chrono::milliseconds(500);

}  // namespace

Reloader::Reloader(std::vector<ReloadGroup> groups, PlanSource plans, ReloaderOptions options,
                   Logger log)
    : groups_(std::move(groups)),
      plans_(std::move(plans)),
      options_(std::move(options)),
      log_(log.for_component(Component::kReload)) {
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    for (std::size_t i = 0; i < groups_[group].running.size(); ++i) {
      const RunningHandler& running = groups_[group].running[i];
      Target& target = add_target(group, HandlerIndex{static_cast<std::uint32_t>(i)});
      target.presence = Presence::kThere;
      target.active = running.facts;
      target.policy = running.policy;
      target.topics = running.topics;
      target.fixed = running.fixed;
      target.last_number = static_cast<std::uint32_t>(running.facts.number);
    }
  }
  publish();
  thread_ = std::thread([this] { run(); });
}

Reloader::~Reloader() {
  stop();
  thread_.join();
}

// ---- Other threads ------------------------------------------------------------------------------

void Reloader::reload(ReloadOrder order, Done done) { enqueue(std::move(order), std::move(done)); }

void Reloader::rollback(std::string handler, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (on_trial_.contains(handler)) {
      trial_ends_.push_back({std::move(handler), std::move(done)});
      changed_.notify_all();
      return;
    }
  }
  enqueue(std::move(handler), std::move(done));
}

/// A rollback is never one with another: each goes a generation back.
void Reloader::enqueue(Job::What what, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      const auto same = std::ranges::find_if(jobs_, [&](const Job& job) {
        return std::holds_alternative<ReloadOrder>(what) && job.what == what;
      });
      if (same != jobs_.end()) {
        same->done.push_back(std::move(done));
      } else {
        Job& job = jobs_.emplace_back();
        job.what = std::move(what);
        job.done.push_back(std::move(done));
      }
      changed_.notify_all();
      return;
    }
  }
  done({false, kReloaderStopping, {}, {}});
}

void Reloader::moved(std::size_t group, const HandoverProgress& progress) {
  const std::lock_guard lock(mutex_);
  progress_[{group, progress.handler}] = progress;
  changed_.notify_all();
}

void Reloader::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

bool Reloader::wait_stopped(TimePoint until) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, until, [this] { return stopped_; });
}

std::vector<Reloader::TargetState> Reloader::states() const {
  const std::lock_guard lock(mutex_);
  return states_;
}

std::optional<Reloader::LastReport> Reloader::last_report() const {
  const std::lock_guard lock(mutex_);
  return last_report_;
}

void Reloader::publish() {
  const std::lock_guard lock(mutex_);
  states_.clear();
  for (const Target& target : targets_) {
    if (target.presence != Presence::kThere) continue;
    TargetState& state = states_.emplace_back();
    state.group = group_of(target);
    state.handler = target.handler->name();
    state.active = target.active;
    if (target.kept) state.kept = target.kept->facts;
    state.pinned = target.handler->unloads()->pinned;
  }
}

// ---- The loop -----------------------------------------------------------------------------------

void Reloader::run() noexcept {
  pthread_setname_np(pthread_self(), "moult-reload");
  const AltStack alt_stack;
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, next_retirement(), [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) break;
    if (jobs_.empty()) {
      lock.unlock();
      retire_due();
      continue;
    }
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    work(std::move(job));
  }
  std::deque<Job> refused;
  {
    const std::lock_guard lock(mutex_);
    refused.swap(jobs_);
  }
  for (const Job& job : refused) {
    for (const Done& done : job.done) done({false, kReloaderStopping, {}, {}});
  }
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

void Reloader::work(Job job) {
  const TimePoint began = Clock::now();
  if (options_.on_begin) options_.on_begin();
  ReloadReport report;
  if (const auto* request = std::get_if<ReloadOrder>(&job.what)) {
    report = do_reload(*request);
  } else {
    report = do_rollback(std::get<std::string>(job.what));
  }
  report.took = Clock::now() - began;
  publish();
  {
    const std::lock_guard lock(mutex_);
    last_report_ = {report, std::chrono::system_clock::now()};
  }
  if (options_.on_report) options_.on_report(report);
  for (const Done& done : job.done) done(report);
  answer_trial_ends(report);
}

/// One that came too late to end the trial goes back from what is active now.
void Reloader::answer_trial_ends(const ReloadReport& report) {
  std::vector<TrialEnd> ends;
  {
    const std::lock_guard lock(mutex_);
    ends.swap(trial_ends_);
  }
  for (TrialEnd& end : ends) {
    const bool back = std::ranges::any_of(report.handlers, [&](const HandlerReload& entry) {
      return entry.handler == end.handler && entry.result == HandlerReload::Result::kTakenBack;
    });
    if (!back) {
      enqueue(std::move(end.handler), std::move(end.done));
      continue;
    }
    ReloadReport answer = report;
    answer.ok = true;
    end.done(answer);
  }
}

// ---- Reload -------------------------------------------------------------------------------------

ReloadReport Reloader::do_reload(const ReloadOrder& request) {
  ReloadReport report;
  auto plans = plans_(fixed_keys());
  if (!plans) {
    report.refused = plans.error().message;
    return report;
  }
  if (const auto refusal = unknown_name(request, *plans)) {
    report.refused = *refusal;
    return report;
  }
  Intent intent;
  if (const Status loaded = load(request, *plans, report, intent); !loaded) {
    report.handlers.back().refused = loaded.error().message;
    abandon(intent.moves);
    return report;
  }
  remove_others(request, *plans, report, intent);
  const std::vector<TopicChange> topics = topic_changes(intent.topics);
  Status possible = check_order(*plans, intent.topics);
  if (possible) possible = check_topics(topics);
  if (!possible) {
    report.refused = possible.error().message;
    abandon(intent.moves);
    return report;
  }
  const HandedOver moved = hand_over(intent.moves, request.timeout, report);
  const bool confirmed = confirm(intent.same, request.timeout, report);
  const bool reads = moved != HandedOver::kNothing && change_topics(topics, report);
  report.ok = moved == HandedOver::kAll && confirmed && reads;
  return report;
}

bool Reloader::is_meant(const ReloadOrder& request, const std::string& handler) {
  return request.handlers.empty() || std::ranges::count(request.handlers, handler) > 0;
}

std::optional<std::string> Reloader::unknown_name(const ReloadOrder& request,
                                                  const std::vector<HandlerPlan>& plans) const {
  std::set<std::string> known;
  for (const HandlerPlan& plan : plans) known.insert(plan.spec.handler);
  for (const Target& target : targets_) {
    if (target.presence == Presence::kThere) known.insert(target.handler->name());
  }
  for (const std::string& name : request.handlers) {
    if (known.contains(name)) continue;
    return fmt::format("no handler '{}'; there are: {}", name, fmt::join(known, ", "));
  }
  return std::nullopt;
}

/// Of the handlers whose lanes stand on them.
FixedKeys Reloader::fixed_keys() const {
  FixedKeys keys;
  for (const Target& target : targets_) {
    if (target.presence != Presence::kGone) keys.insert(target.fixed.begin(), target.fixed.end());
  }
  return keys;
}

std::optional<std::size_t> Reloader::find_target(const std::string& group,
                                                 const std::string& handler) const {
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    if (group_of(targets_[i]) == group && targets_[i].handler->name() == handler) return i;
  }
  return std::nullopt;
}

/// Of a handler that is new or comes again, the dispatcher hears as of one without lanes.
std::size_t Reloader::target_of(const HandlerPlan& plan) {
  const std::string& name = plan.spec.handler;
  auto found = find_target(plan.settings.group, name);
  if (!found) {
    const auto group = std::ranges::find(groups_, plan.settings.group, &ReloadGroup::name);
    MOULT_CHECK(group != groups_.end(), "a plan for a group that is not there");
    found = targets_.size();
    add_target(static_cast<std::size_t>(group - groups_.begin()), group->handlers->add(name));
  }
  Target& target = targets_[*found];
  if (target.presence == Presence::kGone) {
    port_of(target).add({target.index, plan.policy});
    target.policy = plan.policy;
    target.fixed = plan.fixed;
  }
  return *found;
}

Reloader::Target& Reloader::add_target(std::size_t group, HandlerIndex index) {
  Target& target = targets_.emplace_back();
  target.group = group;
  target.index = index;
  target.handler = &groups_[group].handlers->at(index);
  return target;
}

HandlerReload& Reloader::begin_entry(std::size_t target, ReloadReport& report) const {
  HandlerReload& entry = report.handlers.emplace_back();
  entry.group = group_of(targets_[target]);
  entry.handler = targets_[target].handler->name();
  if (targets_[target].presence == Presence::kThere) entry.from = targets_[target].active;
  return entry;
}

/// All that can be refused without touching a lane. The report's last entry is about what was.
Status Reloader::load(const ReloadOrder& request, std::vector<HandlerPlan>& plans,
                      ReloadReport& report, Intent& intent) {
  for (HandlerPlan& plan : plans) {
    if (!is_meant(request, plan.spec.handler)) continue;
    const std::size_t i = target_of(plan);
    HandlerReload& entry = begin_entry(i, report);
    plan.spec.unloads = targets_[i].handler->unloads();
    Status loaded = load(request, plan, i, entry, intent.moves);
    if (!loaded) return loaded;
    if (entry.result == HandlerReload::Result::kUnchanged) {
      intent.same.push_back(move_to_active(i));
    }
    intent.topics[i] = plan.topics;
  }
  return Ok{};
}

/// Those that the config has no more.
void Reloader::remove_others(const ReloadOrder& request, const std::vector<HandlerPlan>& plans,
                             ReloadReport& report, Intent& intent) const {
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const Target& target = targets_[i];
    const std::string& name = target.handler->name();
    const bool wanted = std::ranges::any_of(plans, [&](const HandlerPlan& plan) {
      return plan.settings.group == group_of(target) && plan.spec.handler == name;
    });
    if (wanted || target.presence != Presence::kThere || !is_meant(request, name)) continue;
    begin_entry(i, report);
    intent.topics[i] = {};
  }
}

Reloader::Move Reloader::move_to_active(std::size_t target) const {
  return {target, targets_[target].active, targets_[target].policy, Duration{0}, false, {}};
}

Status Reloader::load(const ReloadOrder& request, const HandlerPlan& plan, std::size_t target_index,
                      HandlerReload& report, std::vector<Move>& moves) {
  Target& target = targets_[target_index];
  const bool is_there = target.presence == Presence::kThere;
  auto plugin = prepare_plugin(plan.spec.plugin, options_.staging, plan.spec.trust);
  if (!plugin) return Unexpected(plugin.error());
  const bool same = is_there && plugin->copy.content_hash() == target.active.content_hash &&
                    plan.fingerprint == target.active.fingerprint;
  if (same && !request.force) {
    report.result = HandlerReload::Result::kUnchanged;
    return Ok{};
  }
  const auto tried = preflight(plugin->copy, plan.preflight, options_.preflight);
  if (!tried) return Unexpected(tried.error());
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return failure(kReloaderStopping);
  }
  const GenerationNumber number{++target.last_number};
  auto loaded = load_handler(plan, number, std::move(*plugin), log_);
  if (!loaded) return Unexpected(loaded.error());
  target.handler->add(number, std::move(loaded->running));
  report.to = loaded->facts;
  // One that is new has no lanes to try it on; one that was to go may still have some.
  const auto canary = target.presence != Presence::kGone ? plan.canary : std::nullopt;
  moves.push_back({target_index, loaded->facts, plan.policy, plan.soak, true, canary});
  return Ok{};
}

ReloadReport Reloader::do_rollback(const std::string& handler) {
  ReloadReport report;
  std::vector<Move> moves;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const Target& target = targets_[i];
    const bool is_there = target.presence == Presence::kThere;
    if (target.handler->name() != handler || !is_there || !target.kept) continue;
    begin_entry(i, report).to = target.kept->facts;
    moves.push_back({i, target.kept->facts, target.kept->policy, target.kept->soak, false, {}});
  }
  if (moves.empty()) {
    report.refused = fmt::format(
        "handler '{}' has no generation to go back to: there was none before, or its soak time is "
        "over",
        handler);
    return report;
  }
  report.ok = hand_over(moves, ReloadOrder{}.timeout, report) == HandedOver::kAll;
  return report;
}

// ---- Retirement ---------------------------------------------------------------------------------

/// What was loaded for nothing.
void Reloader::abandon(const std::vector<Move>& moves) {
  for (const Move& move : moves) {
    if (move.is_new) retire(move.target, move.to.number);
  }
}

/// The generations that lanes came from are kept for a while.
void Reloader::settle(const std::vector<Move>& moves) {
  for (const Move& move : moves) {
    Target& target = targets_[move.target];
    if (target.kept && move.is_new) retire(move.target, target.kept->facts.number);
    const GenerationFacts before = std::exchange(target.active, move.to);
    const HandlerPolicy policy_before = std::exchange(target.policy, move.policy);
    if (target.presence == Presence::kGone) {
      target.presence = Presence::kLeaving;  // until it reads something
      continue;
    }
    target.kept = {before, policy_before, move.soak, Clock::now() + move.soak};
  }
}

void Reloader::retire(std::size_t target_index, GenerationNumber number) {
  Target& target = targets_[target_index];
  std::unique_ptr<RunningGeneration> generation = target.handler->take(number);
  if (!generation) return;
  if (generation->wait_unused(Clock::now() + kRetireWait)) return;
  // A lane still runs a batch on it, or a call of its code does not return.
  target.handler->add(number, std::move(generation));
  target.retiring.push_back(number);
  log_.warning(
      "a generation is still in use: it is unloaded later",
      {{"handler", target.handler->name()}, {"generation", static_cast<std::uint32_t>(number)}});
}

void Reloader::retire_due() {
  const TimePoint now = Clock::now();
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    Target& target = targets_[i];
    if (target.kept && target.kept->until <= now) {
      retire(i, target.kept->facts.number);
      target.kept.reset();
    }
    for (const GenerationNumber number : std::exchange(target.retiring, {})) retire(i, number);
    if (target.presence == Presence::kLeaving) let_go(i);
  }
  publish();
}

/// Of a handler that reads nothing, once its last lane is gone.
void Reloader::let_go(std::size_t target_index) {
  Target& target = targets_[target_index];
  const Status forgotten = ask([&](kafka::HandoverPort::Answered answered) {
    port_of(target).forget(target.index, std::move(answered));
  });
  if (!forgotten) return;
  target.presence = Presence::kGone;
  if (target.kept) retire(target_index, target.kept->facts.number);
  target.kept.reset();
  retire(target_index, std::exchange(target.active, {}).number);
  log_.info("a handler that was removed is unloaded",
            {{"group", group_of(target)}, {"handler", target.handler->name()}});
}

TimePoint Reloader::next_retirement() const {
  TimePoint next = kNever;
  for (const Target& target : targets_) {
    if (target.kept) next = std::min(next, target.kept->until);
    if (!target.retiring.empty()) next = std::min(next, Clock::now() + kRetireAgain);
    const bool leaving = target.presence == Presence::kLeaving;
    if (leaving) next = std::min(next, Clock::now() + kLeavingLook);
  }
  return next;
}

}  // namespace moult
