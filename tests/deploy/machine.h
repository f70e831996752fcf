#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/time.h"
#include "tests/support/process.h"

namespace moult::testing {

/// A booted Debian of a test's own, by tests/deploy/lib/machine. It is on this machine's network.
/// It ends with this object, and with the test process however that ends.
class Machine {
 public:
  /// Against hangs alone: a compiler may run inside.
  static constexpr std::chrono::minutes kPatience{5};

  /// `binds`: FROM:TO, folders of this machine that are there inside.
  explicit Machine(const std::vector<std::string>& binds = {});
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// Runs a command as root inside.
  Finished run(const std::vector<std::string>& command, Duration bound = kPatience) const;
  /// The same for a line of shell.
  Finished shell(const std::string& line, Duration bound = kPatience) const;
  /// Its output; throws when the status is not 0.
  std::string output(const std::string& line, Duration bound = kPatience) const;

  /// Starts one that goes on; `out` is a file on this machine.
  std::unique_ptr<Process> start(const std::vector<std::string>& command,
                                 const std::filesystem::path& out) const;

  /// As `cp -R` does.
  void put(const std::filesystem::path& from, const std::string& to) const;
  void write(const std::string& path, const std::string& text) const;

 private:
  // Constant after construction.
  std::string folder_;
};

/// The packages that `cpack` made, put into a machine and installed there.
void install_packages(const Machine& machine);

}  // namespace moult::testing
