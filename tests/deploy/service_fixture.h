#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/deploy/machine.h"
#include "tests/kafka/group_fixture.h"

namespace moult::testing {

/// What the tests of the service share: a machine with the packages installed, and a folder that is
/// there inside as /srv/test.
struct Site {
  Site();
  static Site& shared();

  Scratch files;
  Machine machine;  // last: it uses the folder
};

/// One group whose members are services in the machine. Each test begins with units that never ran.
class Service : public OneGroup {
 protected:
  static constexpr const char* kPlain = "moult.service";
  static constexpr const char* kPlugin = "/opt/orders/plugins/ledger.so";

  Service();
  ~Service() override;

  /// A daemon of this group, as one in the machine sees its files.
  DaemonSpec inside(const Properties& settings = {}) const;
  /// Where a file of this test is: inside, and on this machine.
  std::string path_inside(const std::string& name) const {
    return "/srv/test/" + group_ + "." + name;
  }
  std::filesystem::path path_here(const std::string& name) const {
    return site_.files / (group_ + "." + name);
  }

  void configure(const DaemonSpec& spec) const;
  /// Lines of [Service], for all units of moult.
  void override_unit(const std::vector<std::string>& lines) const;
  /// The plugin as a deploy replaces it: by a rename.
  void deploy(const std::filesystem::path& plugin) const;

  /// The exit status of `systemctl VERB UNIT`.
  int systemctl(const std::string& verb, const std::string& unit = kPlain) const;
  std::string property(const std::string& name, const std::string& unit = kPlain) const;
  pid_t main_pid(const std::string& unit = kPlain) const;
  bool wait_property(const std::string& name, const std::string& value,
                     const std::string& unit = kPlain) const;
  /// Until systemd shows a line with this text as the daemon's.
  bool wait_status(const std::string& text, const std::string& unit = kPlain) const;
  /// Ends with status 0, and is to have left everything behind as it should.
  void stop_service(const std::string& unit = kPlain);
  /// What the journal has of the units since this test began; `arguments`: more for journalctl.
  std::string journal(const std::string& arguments = "") const;

  Site& site_;
  const Machine& machine_;

 private:
  std::string began_;  // as the journal understands it
};

}  // namespace moult::testing
