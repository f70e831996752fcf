#pragma once

#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {

/// Calls `send` again and again while it lives, so that no reload meets idle lanes.
class Traffic {
 public:
  explicit Traffic(std::function<void()> send);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;
  void end();

 private:
  void run();

  const std::function<void()> send_;
  std::atomic<bool> ending_{false};
  std::thread thread_;  // last
};

/// A group whose daemon is told to reload its only handler. Each generation has a tag of its own in
/// the ledger.
class Reloads : public Group {
 protected:
  using Group::Group;

  /// A daemon with the first generation, whose tag is "1".
  std::unique_ptr<Daemon> start_first(int partitions, const Properties& settings = {});
  /// Replaces the config; the daemon has not read it yet.
  void configure(const Daemon& daemon, const DaemonSpec& spec) const;
  /// The next generation: the same plugin with the next tag, and these settings.
  DaemonSpec next(const Properties& settings = {});
  /// SIGHUP, and whether the reload then ended as it should.
  bool reload(const Daemon& daemon, const std::string& expected = "reloaded handler=");
  /// Runs `moult COMMAND --config … ARGUMENTS` to its end, as a deploy hook does.
  static Finished ask(const Daemon& daemon, const std::string& command,
                      const std::vector<std::string>& arguments = {});
  /// `moult reload` in that many processes at once.
  static std::vector<Finished> reload_at_once(const Daemon& daemon, int processes);
  std::string tag() const { return std::to_string(tag_); }
  /// Of the group; "" unless it has just one.
  std::string member();
  /// Whether the daemon comes to have partitions of just these topics.
  bool wait_reads(const Daemon& daemon, const std::vector<std::string>& these,
                  const std::vector<std::string>& not_those);
  /// The tags that records were handled with.
  std::set<std::string> tags();

  const std::string other_ = "other-" + topic_;

 private:
  int tag_ = 1;
};

using OneReloads = OneProtocol<Reloads>;

}  // namespace moult::testing
