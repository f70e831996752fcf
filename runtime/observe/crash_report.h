#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "runtime/base/result.h"

namespace moult {

struct CrashReportOptions {
  std::filesystem::path folder;  // crash-<pid>-<time>.txt go there; need not be writable, nor exist
  std::string version;           // of the program
  std::chrono::seconds bound{10};  // a report that takes longer is given up: the process must die
};

/// What ended the process when a handler calls exit() or quick_exit(): EX_SOFTWARE, whatever status
/// the handler gave. Its own status could be 0, and nobody would restart the daemon.
inline constexpr int kExitCalledByHandler = 70;

/// From now on a crash (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, std::terminate, and
/// exit() or quick_exit() called from a plugin's function) of any thread writes a report to stderr
/// and to a file of mode 0600: what the thread had in hand (InHandScope), signal, address, thread,
/// backtrace. Then the process dies of the same signal, with its default action: so core dumps and
/// whoever started it see what they would see without us. Nothing is recovered, no record is lost:
/// what was not committed comes again.
///
/// A signal that somebody handles already is left to them: sanitizers say more than we can.
/// Call it once, before other threads are made. A stack overflow is reported on threads that have
/// an AltStack. Fails when the folder's path is too long.
Status install_crash_report(const CrashReportOptions& options);

}  // namespace moult
