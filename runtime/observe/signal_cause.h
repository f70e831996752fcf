#pragma once

#include <signal.h>

#include <cstdint>

#include "runtime/observe/crash_text.h"

namespace moult {

/// "SIGSEGV".
void add_signal_name(CrashText& out, int signal) noexcept;

/// Lines that say which signal it was, and what brought it about: the faulting address, or who sent
/// it. `stack` is where the thread's stack had got to.
void add_cause(CrashText& out, const siginfo_t& fault, std::uintptr_t stack) noexcept;

}  // namespace moult
