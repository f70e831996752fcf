#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "runtime/app/membership.h"
#include "runtime/app/signals.h"
#include "runtime/base/result.h"
#include "runtime/config/config.h"
#include "runtime/observe/log_sink.h"

namespace moult {

/// What a daemon left behind.
struct DaemonEnd {
  int exit_code = 0;
  std::vector<HandlerTotals> totals;
};

struct DaemonHooks {
  /// Reads the config again, for a reload; as the one that the daemon was started with.
  std::function<Result<Config>()> reread;
  /// A reload follows when one of these was written or replaced; asked again whenever one was.
  std::function<std::vector<std::filesystem::path>()> watched;
  /// Asked now and then with the totals so far; true stops the daemon as TERM does.
  std::function<bool(const std::vector<HandlerTotals>&)> done;
};

/// Runs the consumers of a config until a signal ends them. Call SignalQueue::block() before the
/// log or any other thread is made. Ends the process itself when a handler outstays the deadline:
/// its thread can't be joined.
DaemonEnd run_daemon(const Config& config, AsyncLogSink& log, const DaemonHooks& hooks);

}  // namespace moult
