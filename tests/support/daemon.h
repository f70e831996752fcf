#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/time.h"
#include "tests/support/admin.h"
#include "tests/support/ledger.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

namespace moult::testing {

// A configuration file in the making. Values are written as they stand, so they are YAML:
// "500ms", "[a, b]", "true".

struct HandlerSpec {
  std::string name = "ledger";
  std::string plugin = "ledger.so";  // in tests/support/plugins of the build, or an absolute path
  std::vector<std::string> topics = {};
  Properties options = {};   // `workers`, `batch: {…}`, `retry: {…}`, …
  Properties settings = {};  // the plugin's; a ledger handler needs "ledger"
};

struct ConsumerSpec {
  std::string group = {};
  Properties kafka = {};
  std::vector<HandlerSpec> handlers = {};
};

struct DaemonSpec {
  Properties kafka = {};    // `bootstrap.servers` at least
  Properties options = {};  // `commit_interval`, `drain_deadline`, `revoke_deadline`, …
  std::vector<ConsumerSpec> consumers = {};
  Environment environment = {};   // not in the file
  std::string plugins_path = {};  // empty: tests/support/plugins of the build
  std::string log_level = "info";

  std::string yaml() const;
};

/// Runs `moult` with these arguments to its end.
Finished run_moult(const std::vector<std::string>& arguments, const Environment& environment = {});

/// A running `moult run`. It is killed when this object goes. When the test has failed by then, the
/// end of its log is printed.
class Daemon {
 public:
  /// `name`: of its files in the scratch folder; every daemon of a test needs another one.
  Daemon(const Scratch& scratch, const std::string& name, const DaemonSpec& spec);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  pid_t pid() const { return process_.pid(); }
  void signal(int number) const { process_.signal(number); }
  bool running() { return process_.running(); }
  /// The exit status, or minus the signal that ended it; nothing when it still runs.
  std::optional<int> wait_exit(Duration bound) { return process_.wait_exit(bound); }
  /// TERM, and then wait_exit().
  std::optional<int> stop(Duration bound = std::chrono::seconds(30));

  /// KiB; `what` is a line of /proc/PID/status: VmRSS, or VmHWM for the most it ever had.
  std::size_t memory_kib(const std::string& what) const;

  const std::filesystem::path& config() const { return config_; }
  /// Its standard output and error so far; the log is text.
  std::string log() const { return read_file(log_); }
  std::size_t log_count(const std::string& text) const;
  bool wait_log(const std::string& text, Duration bound, std::size_t times = 1) const;

 private:
  std::string name_;
  std::filesystem::path config_;
  std::filesystem::path log_;
  Process process_;
};

}  // namespace moult::testing
