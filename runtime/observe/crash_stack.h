#pragma once

#include <cstdint>

#include "runtime/observe/crash_text.h"

namespace moult {

/// Does everything once that allocates when it is done for the first time: call it before a crash.
void prepare_crash_stack() noexcept;

/// Where a thread was when a signal interrupted it; zeros on a machine that isn't known here.
struct Interrupted {
  std::uintptr_t instruction = 0;
  std::uintptr_t stack = 0;
};
Interrupted interrupted_at(const void* signal_context) noexcept;

/// One line a frame: address, file, offset in the file's image, as addr2line and gdb take it.
/// Frames before `from` (the signal handler's own) are left out.
///
/// Best effort, unlike the rest of a report: backtrace() takes no lock and allocates nothing once
/// it is prepared, on glibc ≥ 2.35 and with no JIT's frames registered; but it reads what may be a
/// broken stack, and may fault there.
void add_backtrace(CrashText& out, std::uintptr_t from) noexcept;

}  // namespace moult
