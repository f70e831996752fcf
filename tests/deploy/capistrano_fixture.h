#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "tests/deploy/machine.h"
#include "tests/deploy/steady_traffic.h"
#include "tests/kafka/group_fixture.h"

namespace moult::testing {

/// A machine with the daemon as a service, a user `deploy` who may come by ssh and call systemctl
/// by sudo, and a folder with a project of Capistrano's that deploys there. One for all tests of
/// the binary; each has a group, a topic and a repository of its own.
class DeployTarget {
 public:
  static DeployTarget& shared();

  DeployTarget();

  /// What the machine has of an earlier deploy is gone, and the service does not run.
  void clear();
  /// `cap production TASK` with these lines in deploy.rb.
  Finished cap(const std::string& task, const std::string& settings = {}) const;
  /// The commit is what the next deploy publishes.
  void commit(const std::filesystem::path& release) const;
  /// What `current` names; empty when there is none.
  std::string current() const;
  const Machine& machine() const { return machine_; }
  /// On this machine; inside it is /ledgers.
  std::filesystem::path ledgers() const { return folder_ / "ledgers"; }

 private:
  struct Folder {
    explicit Folder(const std::filesystem::path& root);
  };

  std::filesystem::path key() const { return folder_ / "key"; }
  void install() const;
  void let_deploy_in();

  const Scratch folder_;
  const Folder made_;
  const int port_;
  const Machine machine_;
};

/// One handler, whose releases are commits of a git repository and are deployed by Capistrano.
class Capistrano : public OneGroup {
 protected:
  static constexpr int kPerSecond = 6'000;

  Capistrano();
  ~Capistrano() override;

  /// A release's configuration: /opt/orders/current/config/moult.yaml.
  DaemonSpec release_spec() const;
  /// Commits a release with this version of the ledger plugin, which is also its tag.
  void commit(const std::string& version, const DaemonSpec& spec);
  void commit_broken();
  /// Version 2, right in itself, so that the check says nothing; but a reload can't change it.
  void commit_that_needs_a_restart();
  Finished cap(const std::string& task, const std::string& settings = {}) const;
  /// Version 1, deployed to a machine that had nothing, and traffic that it handles.
  void begin();
  /// Until that version handles records now.
  bool wait_version(const std::string& version);
  /// Ends the traffic; everything was handled once and in order, in one assignment, and is
  /// committed.
  void finish(const std::string& what);
  /// The same, but for what a stop and start takes.
  void finish_restarted(const std::string& what);
  bool service_is(const std::string& state) const;

  DeployTarget& target_;
  std::unique_ptr<SteadyTraffic> traffic_;
  std::size_t generations_ = 0;

 private:
  bool wait_traffic_handled();
  void commit_release(const std::string& plugin, const DaemonSpec& spec);
  void print(const std::string& what);
};

}  // namespace moult::testing
