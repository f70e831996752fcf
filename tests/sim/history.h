#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/member.h"
#include "tests/sim/reloads.h"

namespace moult::sim {

struct HistoryOptions {
  std::size_t world_steps = 60;
  bool undisturbed = false;  // only reloads: no crash, no revocation, no new log
  bool stream = false;       // each line of the trace goes to stderr at once
};

struct HistoryResult {
  std::optional<std::string> violation;
  std::uint64_t hash = 0;
  std::size_t events = 0;
  std::vector<std::string> trace;  // of a failed history
};

/// One random history, wholly given by its seed: a world with faults, then a quiet end in which
/// everything has to be finished and committed, then a clean stop.
class History {
 public:
  History(std::uint64_t seed, const HistoryOptions& options);

  HistoryResult run();

 private:
  void play();
  void leave_undisturbed();
  void step();
  void step_group();
  void step_logs();
  void step_pauses();
  void check_progress();

  void start_member();
  void on_unassigned(const std::vector<std::size_t>& partitions);
  void on_stopped(bool clean);
  void close_consumer();
  void member_died(bool crashed);

  void rebalance();
  void give_back(std::vector<std::size_t> partitions);
  void assign_some(bool all);
  void assign_soon(bool all);
  void evict();
  void someone_else(std::size_t partition);

  bool settled() const;
  std::vector<std::size_t> free_partitions() const;
  std::vector<std::size_t> unread_partitions() const;
  std::vector<std::size_t> some_of(const std::set<std::size_t>& from);

  World world_;
  Broker broker_;
  std::unique_ptr<Member> member_;
  Reloads reloads_;
  std::vector<std::unique_ptr<Member>> dead_;

  bool rebalancing_ = false;  // until the partitions were unassigned, and assigned again
  bool closing_ = false;      // Stopped: what is left is given back
  bool calm_ = false;         // the quiet end
  bool stop_asked_ = false;
  bool undisturbed_;  // so far: nothing may have been handled twice
  bool over_ = false;
  std::uint64_t starts_ = 0;
  std::size_t steps_ = 0;
  TimePoint calm_since_{};
};

HistoryResult run_history(std::uint64_t seed, const HistoryOptions& options);

}  // namespace moult::sim
