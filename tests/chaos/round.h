#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/chaos/plan.h"
#include "tests/chaos/proxied_cluster.h"
#include "tests/chaos/rules.h"
#include "tests/chaos/timeline.h"
#include "tests/support/admin.h"
#include "tests/support/daemon.h"
#include "tests/support/ledger.h"
#include "tests/support/producer.h"
#include "tests/support/scratch.h"

namespace moult::testing {

/// Carries one plan out and holds what came of it against the rules. Members come through the
/// proxy; the producer and whoever asks for commits go straight to the brokers.
class Round {
 public:
  struct Figures {
    std::size_t records = 0;
    std::size_t repeats = 0;  // different records that were handled more than once
    std::size_t commits = 0;  // samples of them
    std::size_t faults = 0;
    Duration settled_in{0};  // from the end of the faults until all was handled and committed
    std::size_t rewinds = 0;
  };

  Round(const Plan& plan, ProxiedCluster& cluster);

  /// Failures are GoogleTest's.
  void run();
  Figures figures();
  /// The plan, and what really happened when.
  std::string text() const;

 private:
  /// Ends what runs beside a round, also when the round throws: it is waited for then.
  class Ending {
   public:
    explicit Ending(Round& round) : round_(round) {}
    ~Ending();

   private:
    Round& round_;
  };

  DaemonSpec spec() const;
  std::unique_ptr<Daemon> start_member();
  static void expect_started(const Daemon& member);
  std::unique_ptr<Daemon> start_another();

  // Each runs its list to its end. Daemons belong to the thread that started them (their kernel
  // side, PR_SET_PDEATHSIG, wants it so): the members' faults run on the test's.
  void disturb_members();
  void disturb_brokers();
  void disturb_links();
  void disturb(const MemberFault& fault);
  void replace(std::size_t member);
  void join_and_leave(Milliseconds lasts);
  void freeze(Daemon& daemon, const MemberFault& fault);
  void end_by_term(Daemon& daemon);
  void expect_alive();

  void produce();
  void sample_commits();

  void settle();
  void dump_members();
  void stop_all();
  void judge();
  std::map<RecordId, std::int64_t> read_back() const;

  const Plan plan_;
  ProxiedCluster& cluster_;
  Scratch scratch_;
  const std::string topic_;
  const std::string group_;
  Admin admin_;
  Ledger ledger_;
  Timeline timeline_;
  int started_ = 0;
  Duration settled_in_{0};
  std::vector<std::unique_ptr<Daemon>> members_;
  std::set<pid_t> ended_;  // with exit 0

  std::atomic<bool> producing_{true};
  std::atomic<bool> sampling_{true};
  Producer producer_;             // the producing thread's while that runs
  std::vector<Commits> commits_;  // the sampling thread's while that runs
};

}  // namespace moult::testing
