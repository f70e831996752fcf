#pragma once

#include "runtime/observe/crash_report.h"

namespace moult {

/// What the process tells whoever started it.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,  // also: all work was finished, but the broker did not take its last offsets
  kExitForced = 2,  // work was left unfinished at the deadline, or a second signal came
  kExitUsage = 64,  // EX_USAGE
  kExitByHandler = kExitCalledByHandler,  // EX_SOFTWARE: a handler called exit()
  kExitConfig = 78,                       // EX_CONFIG: systemd must not restart it
};

}  // namespace moult
