#pragma once

#include <string>
#include <vector>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {

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

 private:
  int tag_ = 1;
};

}  // namespace moult::testing
