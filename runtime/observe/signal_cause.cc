#include "runtime/observe/signal_cause.h"

#include <string.h>
#include <unistd.h>

#include <array>

namespace moult {
namespace {

/// How far from the stack's end a write of an overflowing frame may land.
constexpr std::uintptr_t kNearStack = std::uintptr_t{64} << 10;

struct CodeName {
  int signal;
  int code;
  std::string_view name;
};

constexpr std::array kCodes{
    CodeName{SIGSEGV, SEGV_MAPERR, "nothing is mapped there"},
    CodeName{SIGSEGV, SEGV_ACCERR, "no permission for this access"},
    CodeName{SIGSEGV, SI_KERNEL, "an address that can't exist"},
    CodeName{SIGBUS, BUS_ADRALN, "misaligned"},
    CodeName{SIGBUS, BUS_ADRERR, "no such memory: is the mapped file shorter now?"},
    CodeName{SIGBUS, BUS_OBJERR, "hardware error"},
    CodeName{SIGFPE, FPE_INTDIV, "integer division by zero"},
    CodeName{SIGFPE, FPE_INTOVF, "integer overflow"},
    CodeName{SIGFPE, FPE_FLTDIV, "floating-point division by zero"},
    CodeName{SIGFPE, FPE_FLTINV, "invalid floating-point operation"},
    CodeName{SIGILL, ILL_ILLOPC, "illegal opcode"},
    CodeName{SIGILL, ILL_ILLOPN, "illegal operand"},
    CodeName{SIGILL, ILL_PRVOPC, "privileged opcode"},
};

void add_code(CrashText& out, const siginfo_t& fault) noexcept {
  for (const CodeName& known : kCodes) {
    if (known.signal != fault.si_signo || known.code != fault.si_code) continue;
    out.add(" (").add(known.name).add(")");
    return;
  }
}

bool is_near(std::uintptr_t address, std::uintptr_t stack) noexcept {
  return stack != 0 && address >= stack - kNearStack && address < stack + kNearStack;
}

void add_address(CrashText& out, const siginfo_t& fault, std::uintptr_t stack) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(fault.si_addr);
  out.add("address: ").add_hex(address);
  if (fault.si_signo == SIGSEGV && is_near(address, stack)) {
    out.add(" (at the end of the stack: it has probably overflowed)");
  }
  out.add("\n");
}

void add_sender(CrashText& out, const siginfo_t& fault) noexcept {
  out.add("sent by: ");
  if (fault.si_pid == ::getpid()) {
    out.add("the process itself\n");
  } else {
    out.add("process ").add_number(fault.si_pid).add("\n");
  }
}

}  // namespace

void add_signal_name(CrashText& out, int signal) noexcept {
  const char* name = ::sigabbrev_np(signal);
  out.add("SIG").add_name(name != nullptr ? name : "?");
}

void add_cause(CrashText& out, const siginfo_t& fault, std::uintptr_t stack) noexcept {
  out.add("signal: ").add_number(fault.si_signo).add(" ");
  add_signal_name(out, fault.si_signo);
  const bool by_the_kernel = fault.si_code > 0;
  if (by_the_kernel) add_code(out, fault);
  out.add("\n");
  if (by_the_kernel) {
    add_address(out, fault, stack);
  } else {
    add_sender(out, fault);
  }
}

}  // namespace moult
