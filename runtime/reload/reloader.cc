#include "runtime/reload/reloader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pthread.h>

#include <algorithm>
#include <utility>

#include "runtime/base/alt_stack.h"

namespace moult {
namespace {

// How long a generation that nobody needs is waited for before others have their turn.
constexpr Duration kRetireWait = std::chrono::milliseconds(500);
// How often one that a handler does not let go of is looked at again.
constexpr Duration kRetireAgain = std::chrono::seconds(5);

std::string known_names(const std::vector<ReloadTarget>& targets) {
  std::vector<std::string> names;
  for (const ReloadTarget& target : targets) names.push_back(target.handler);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

Reloader::Reloader(std::vector<ReloadTarget> targets, PlanSource plans, ReloaderOptions options,
                   Logger log)
    : targets_(std::move(targets)),
      plans_(std::move(plans)),
      options_(std::move(options)),
      log_(log.for_component(Component::kReload)) {
  for (const ReloadTarget& target : targets_) {
    HandlerVersions& versions = versions_.emplace_back();
    versions.active = target.facts;
    versions.policy = target.policy;
    versions.topics = target.topics;
    versions.last_number = static_cast<std::uint32_t>(target.facts.number);
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

void Reloader::moved(std::size_t target, const HandoverProgress& progress) {
  const std::lock_guard lock(mutex_);
  progress_[target] = progress;
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
  for (std::size_t i = 0; i < versions_.size(); ++i) {
    TargetState& state = states_.emplace_back();
    state.active = versions_[i].active;
    if (versions_[i].kept) state.kept = versions_[i].kept->facts;
    state.pinned = targets_[i].active->unloads()->pinned;
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
  for (const std::string& name : request.handlers) {
    if (std::ranges::any_of(targets_, [&](const auto& it) { return it.handler == name; })) continue;
    report.refused = fmt::format("no handler '{}'; there are: {}", name, known_names(targets_));
    return report;
  }
  auto plans = plans_();
  if (!plans) {
    report.refused = plans.error().message;
    return report;
  }
  std::vector<Move> moves;
  std::vector<Move> same;
  bool refused = false;
  for (std::size_t i = 0; i < targets_.size() && !refused; ++i) {
    const ReloadTarget& target = targets_[i];
    if (!request.handlers.empty() && std::ranges::count(request.handlers, target.handler) == 0) {
      continue;
    }
    HandlerReload& handler = report.handlers.emplace_back();
    handler.group = target.group;
    handler.handler = target.handler;
    handler.from = versions_[i].active;
    (*plans)[i].spec.unloads = target.active->unloads();
    const Status loaded = load(request, (*plans)[i], i, handler, moves);
    if (!loaded) handler.refused = loaded.error().message;
    refused = !loaded;
    if (handler.result == HandlerReload::Result::kUnchanged) same.push_back(move_to_active(i));
  }
  if (refused) {
    abandon(moves);
    return report;
  }
  const std::vector<TopicChange> topics = topic_changes(report, *plans);
  if (const Status possible = check_topics(topics); !possible) {
    report.refused = possible.error().message;
    abandon(moves);
    return report;
  }
  const bool moved = hand_over(moves, request.timeout, report);
  report.ok = confirm(same, request.timeout, report) && moved && change_topics(topics, report);
  return report;
}

Reloader::Move Reloader::move_to_active(std::size_t target) const {
  const HandlerVersions& versions = versions_[target];
  return {target, versions.active, versions.policy, Duration{0}, false, {}};
}

/// All that can be refused without touching a lane.
Status Reloader::load(const ReloadOrder& request, const HandlerPlan& plan, std::size_t target,
                      HandlerReload& report, std::vector<Move>& moves) {
  HandlerVersions& versions = versions_[target];
  auto plugin = prepare_plugin(plan.spec.plugin, options_.staging, plan.spec.trust);
  if (!plugin) return Unexpected(plugin.error());
  const bool same = plugin->copy.content_hash() == versions.active.content_hash &&
                    plan.fingerprint == versions.active.fingerprint;
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
  const GenerationNumber number{++versions.last_number};
  auto loaded = load_handler(plan, number, std::move(*plugin), log_);
  if (!loaded) return Unexpected(loaded.error());
  targets_[target].active->add(number, std::move(loaded->running));
  report.to = loaded->facts;
  moves.push_back({target, loaded->facts, plan.policy, plan.soak, true, plan.canary});
  return Ok{};
}

ReloadReport Reloader::do_rollback(const std::string& handler) {
  ReloadReport report;
  std::vector<Move> moves;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    if (targets_[i].handler != handler) continue;
    const HandlerVersions& versions = versions_[i];
    if (!versions.kept) continue;
    HandlerReload& entry = report.handlers.emplace_back();
    entry.group = targets_[i].group;
    entry.handler = handler;
    entry.from = versions.active;
    entry.to = versions.kept->facts;
    const HandlerVersions::Kept& kept = *versions.kept;
    moves.push_back({i, kept.facts, kept.policy, kept.soak, false, {}});
  }
  if (moves.empty()) {
    report.refused = fmt::format(
        "handler '{}' has no generation to go back to: there was none before, or its soak time is "
        "over",
        handler);
    return report;
  }
  report.ok = hand_over(moves, ReloadOrder{}.timeout, report);
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
    HandlerVersions& versions = versions_[move.target];
    if (versions.kept && move.is_new) retire(move.target, versions.kept->facts.number);
    versions.kept = {std::exchange(versions.active, move.to),
                     std::exchange(versions.policy, move.policy), move.soak,
                     Clock::now() + move.soak};
  }
}

void Reloader::retire(std::size_t target, GenerationNumber number) {
  std::unique_ptr<RunningGeneration> generation = targets_[target].active->take(number);
  if (!generation) return;
  if (generation->wait_unused(Clock::now() + kRetireWait)) return;
  // A lane still runs a batch on it, or a call of its code does not return.
  targets_[target].active->add(number, std::move(generation));
  versions_[target].retiring.push_back(number);
  log_.warning(
      "a generation is still in use: it is unloaded later",
      {{"handler", targets_[target].handler}, {"generation", static_cast<std::uint32_t>(number)}});
}

void Reloader::retire_due() {
  const TimePoint now = Clock::now();
  for (std::size_t i = 0; i < versions_.size(); ++i) {
    HandlerVersions& versions = versions_[i];
    if (versions.kept && versions.kept->until <= now) {
      retire(i, versions.kept->facts.number);
      versions.kept.reset();
    }
    for (const GenerationNumber number : std::exchange(versions.retiring, {})) retire(i, number);
  }
  publish();
}

TimePoint Reloader::next_retirement() const {
  TimePoint next = kNever;
  for (const HandlerVersions& versions : versions_) {
    if (versions.kept) next = std::min(next, versions.kept->until);
    if (!versions.retiring.empty()) next = std::min(next, Clock::now() + kRetireAgain);
  }
  return next;
}

}  // namespace moult
