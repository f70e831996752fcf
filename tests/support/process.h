#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/time.h"
#include "runtime/base/unique_fd.h"

namespace moult::testing {

/// Variables on top of the test's own.
using Environment = std::map<std::string, std::string>;

/// A child process. It is killed when this object goes, or when the test itself dies.
class Process {
 public:
  struct Output {
    std::filesystem::path out;
    std::filesystem::path errors;  // may be the same file
  };

  Process(const std::vector<std::string>& command, const Output& output,
          const Environment& environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  /// Does nothing once the process has ended.
  void signal(int number) const;
  /// The exit status, or minus the signal that ended it; nothing when it still runs after `bound`.
  std::optional<int> wait_exit(Duration bound);
  bool running() { return !wait_exit(Duration{0}); }

 private:
  pid_t pid_ = -1;
  UniqueFd fd_;
  std::optional<int> status_;
};

struct Finished {
  int status = 0;
  std::string out;
  std::string errors;
};

/// What ended well; throws what it said when it did not. `what`: for that text.
Finished succeeded(Finished finished, const std::string& what);

/// Runs a command to its end. One that outlives `bound` is killed, and an error.
Finished run_to_end(const std::vector<std::string>& command, Duration bound,
                    const Environment& environment = {});

}  // namespace moult::testing
