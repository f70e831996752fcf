#pragma once

namespace moult {

/// Runs `on_exit` when a thread of this process (not of a forked child) calls exit() or
/// quick_exit() while it has something of a plugin's in hand. It must not return.
///
/// The program defines both functions itself, in front of the C library's, and exports them, so
/// that plugins and libraries find them first. An atexit() handler would be too late: by then the
/// plugin's static objects are destroyed under the feet of the other workers, and the crash of one
/// of those would be blamed.
using ExitHook = void (*)(const char* function, int status) noexcept;
void watch_exit(ExitHook on_exit) noexcept;

}  // namespace moult
