#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/base/time.h"
#include "runtime/dispatch/events.h"
#include "runtime/kafka/handover_port.h"
#include "runtime/reload/handler_plan.h"
#include "runtime/reload/reload_report.h"
#include "runtime/workers/active_handler.h"

namespace moult {

/// A handler as it runs at the start.
struct RunningHandler {
  GenerationFacts facts;
  HandlerPolicy policy;
  std::vector<std::string> topics;
  FixedKeys fixed;
};

/// A group whose handlers can be reloaded, and become more or fewer. What it points to outlives the
/// reloader.
struct ReloadGroup {
  std::string name;
  kafka::HandoverPort* port = nullptr;  // what it answers comes to Reloader::moved()
  ActiveHandlers* handlers = nullptr;
  std::vector<RunningHandler> running;  // by HandlerIndex
};

/// What the configuration wants now; or why it can't be had live, beside handlers that have these
/// keys.
using PlanSource = std::function<Result<std::vector<HandlerPlan>>(const FixedKeys& running)>;

struct ReloaderOptions {
  std::filesystem::path staging;
  PreflightOptions preflight;
  std::function<void()> on_begin;                      // before every reload; the same thread
  std::function<void(const ReloadReport&)> on_report;  // of every reload; the reloader's thread
};

inline constexpr const char* kReloaderStopping = "the daemon stops";

/// What somebody wants reloaded.
struct ReloadOrder {
  std::vector<std::string> handlers;  // by name; empty: all
  bool force = false;                 // also what is unchanged
  Milliseconds timeout{60'000};       // from loaded to active everywhere

  friend bool operator==(const ReloadOrder&, const ReloadOrder&) = default;
};

/// Brings new generations of handlers into a running daemon, one request after the other, on its
/// own thread: stage, verify, preflight, load, an instance for every lane, and only then lane by
/// lane at batch boundaries. Each step may refuse; then the old generation goes on as if nothing
/// had happened. The generation before is kept for a while, then unloaded.
class Reloader {
 public:
  /// Called once, on the reloader's thread; or on the caller's, when the reloader has stopped.
  using Done = std::function<void(const ReloadReport&)>;

  Reloader(std::vector<ReloadGroup> groups, PlanSource plans, ReloaderOptions options, Logger log);
  /// As stop(), and waits for the thread: for a preflight under way, say.
  ~Reloader();

  // Any thread.
  /// An equal request that has not begun yet is answered by the same reload.
  void reload(ReloadOrder request, Done done);
  /// Back to the generation before, while it is kept; from a canary under way, to what was before
  /// that.
  void rollback(std::string handler, Done done);
  /// From the port of a group, by its place among the groups.
  void moved(std::size_t group, const HandoverProgress& progress);
  /// Refuses what waits, gives up what is under way. Does not wait.
  void stop();
  /// False when the thread still works at `until`: nothing that it uses may go then.
  bool wait_stopped(TimePoint until);

  /// A handler that the config had at the last reload.
  struct TargetState {
    std::string group;
    std::string handler;
    GenerationFacts active;
    std::optional<GenerationFacts> kept;
    std::uint64_t pinned = 0;  // generations that are still in memory after their end
  };
  std::vector<TargetState> states() const;
  struct LastReport {
    ReloadReport report;
    std::chrono::system_clock::time_point ended;
  };
  std::optional<LastReport> last_report() const;

 private:
  struct Job {
    using What = std::variant<ReloadOrder, std::string>;  // a reload, or the handler to roll back
    What what;
    std::vector<Done> done;
  };

  /// A rollback that came while its handler had a canary.
  struct TrialEnd {
    std::string handler;
    Done done;
  };

  /// Whether a handler is in the config, and in memory.
  enum class Presence : std::uint8_t {
    kThere,
    kLeaving,  // no more, or not yet, in the config; lanes of it may be left
    kGone,     // nothing of it is loaded
  };

  /// A handler: what it runs, what it ran before, and what is on its way out.
  struct Target {
    std::size_t group = 0;
    HandlerIndex index{};
    ActiveHandler* handler = nullptr;
    Presence presence = Presence::kGone;
    GenerationFacts active;  // unless it is gone
    HandlerPolicy policy;
    std::vector<std::string> topics;
    FixedKeys fixed;
    struct Kept {
      GenerationFacts facts;
      HandlerPolicy policy;
      Duration soak;
      TimePoint until;
    };
    std::optional<Kept> kept;
    std::vector<GenerationNumber> retiring;  // not unused yet
    std::uint32_t last_number = 0;
  };

  /// What a handler is to read from now on, by target.
  using WantedTopics = std::map<std::size_t, std::vector<std::string>>;

  /// A handler on its way to another generation.
  struct Move {
    std::size_t target;
    GenerationFacts to;
    HandlerPolicy policy;
    Duration soak;
    bool is_new = false;  // loaded for this: to be unloaded again when it is refused
    std::optional<CanaryPolicy> canary;
  };

  /// A generation that is tried out beside the one before.
  struct Trial {
    const Move* move;
    GenerationUse older;
    GenerationUse newer;
    TallyCount older_before;
    HandlerReload* entry;
    bool decided = false;
  };

  enum class Wait : std::uint8_t { kThere, kRefused, kTimedOut, kStopped };
  enum class HandedOver : std::uint8_t { kAll, kLagging, kNothing };

  void enqueue(Job::What what, Done done);
  void answer_trial_ends(const ReloadReport& report);
  void run() noexcept;
  void work(Job job);
  ReloadReport do_reload(const ReloadOrder& request);
  ReloadReport do_rollback(const std::string& handler);
  static bool is_meant(const ReloadOrder& request, const std::string& handler);
  std::optional<std::string> unknown_name(const ReloadOrder& request,
                                          const std::vector<HandlerPlan>& plans) const;
  FixedKeys fixed_keys() const;
  std::optional<std::size_t> find_target(const std::string& group,
                                         const std::string& handler) const;
  std::size_t target_of(const HandlerPlan& plan);
  Target& add_target(std::size_t group, HandlerIndex index);
  HandlerReload& begin_entry(std::size_t target, ReloadReport& report) const;
  /// What a reload is about to do.
  struct Intent {
    std::vector<Move> moves;
    std::vector<Move> same;  // with nothing new
    WantedTopics topics;
  };
  Status load(const ReloadOrder& request, std::vector<HandlerPlan>& plans, ReloadReport& report,
              Intent& intent);
  void remove_others(const ReloadOrder& request, const std::vector<HandlerPlan>& plans,
                     ReloadReport& report, Intent& intent) const;
  Status load(const ReloadOrder& request, const HandlerPlan& plan, std::size_t target,
              HandlerReload& report, std::vector<Move>& moves);
  /// Other topics of one consumer's handlers.
  struct TopicChange {
    kafka::HandoverPort* port;
    kafka::Topics topics;
    std::vector<std::size_t> targets;  // those with other ones
  };

  Status check_order(const std::vector<HandlerPlan>& plans, const WantedTopics& wanted) const;
  std::vector<TopicChange> topic_changes(const WantedTopics& wanted) const;
  Status check_topics(const std::vector<TopicChange>& changes);
  bool change_topics(const std::vector<TopicChange>& changes, ReloadReport& report);
  void read(Target& target, const std::vector<std::string>& topics, HandlerReload& entry);
  using Question = std::function<void(kafka::HandoverPort::Answered)>;
  Status ask(const Question& question);
  HandedOver hand_over(const std::vector<Move>& moves, Milliseconds timeout, ReloadReport& report);
  HandedOver go_live(const std::vector<Move>& moves, TimePoint began, Milliseconds timeout,
                     ReloadReport& report);
  Wait try_out(const std::vector<Move>& moves, ReloadReport& report);
  std::vector<Trial> begin_trials(const std::vector<Move>& moves, ReloadReport& report);
  bool judge(Trial& trial, Duration took);
  bool arrived(const Trial& trial);
  Wait watch(std::vector<Trial>& trials);
  void end_trials(const std::vector<Trial>& trials);
  std::optional<Wait> interruption(const std::vector<Trial>& trials);
  const std::string& group_of(const Target& target) const { return groups_[target.group].name; }
  kafka::HandoverPort& port_of(const Target& target) const { return *groups_[target.group].port; }
  const HandoverProgress* progress_of(const Move& move) const;
  HandlerReload& entry_of(std::size_t target, ReloadReport& report) const;
  void ask_prepare(const std::vector<Move>& moves);
  void ask_activate(const std::vector<Move>& moves);
  void discard(const std::vector<Move>& moves, Wait why, Milliseconds timeout,
               ReloadReport& report);
  void take_back(const std::vector<Move>& moves, TimePoint until, ReloadReport& report);
  void wait_until_back(const std::vector<Move>& back, TimePoint until, ReloadReport& report);
  void leave(const std::vector<Move>& moves, const std::vector<Move>& back);
  bool confirm(const std::vector<Move>& same, Milliseconds timeout, ReloadReport& report);
  Move move_to_active(std::size_t target) const;
  std::vector<Move> moves_back(const std::vector<Move>& moves) const;
  void abandon(const std::vector<Move>& moves);
  void settle(const std::vector<Move>& moves);
  enum class Step : std::uint8_t { kPrepared, kHeard, kActive };
  Wait wait_until_all(const std::vector<Move>& moves, Step step, TimePoint until);
  void note_progress(const std::vector<Move>& moves, ReloadReport& report);
  void forget_progress(const std::vector<Move>& moves);
  void retire(std::size_t target, GenerationNumber number);
  void retire_due();
  void let_go(std::size_t target);
  TimePoint next_retirement() const;
  void publish();

  // Constant after construction.
  const std::vector<ReloadGroup> groups_;
  const PlanSource plans_;
  const ReloaderOptions options_;
  const Logger log_;

  // The reloader's thread.
  std::vector<Target> targets_;  // none ever goes

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<Job> jobs_;
  std::set<std::string> on_trial_;  // handlers
  std::vector<TrialEnd> trial_ends_;
  std::map<std::pair<std::size_t, HandlerIndex>, HandoverProgress>
      progress_;                  // by group and handler
  std::optional<Status> answer_;  // of a port
  std::uint64_t question_ = 0;    // the one whose answer is waited for
  std::vector<TargetState> states_;
  std::optional<LastReport> last_report_;
  bool stopping_ = false;
  bool stopped_ = false;

  std::thread thread_;  // last: it uses everything above
};

}  // namespace moult
