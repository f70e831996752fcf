// What may run in here after a crash: nothing that allocates, locks or uses stdio. Of what does
// run, write, open, close, sigaction, pthread_sigmask, alarm, pause, getpid, clock_gettime, raise
// and _exit are async-signal-safe by POSIX; gettid, prctl and rt_tgsigqueueinfo are bare system
// calls; sigabbrev_np, to_chars and the calendar only compute. Best effort is the backtrace
// (crash_stack.h), which is why it comes last, and reading names through pointers that the crash
// may have broken: if that faults, the report is cut short there.
#include "runtime/observe/crash_report.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "runtime/base/in_hand.h"
#include "runtime/observe/crash_stack.h"
#include "runtime/observe/crash_text.h"
#include "runtime/observe/crash_time.h"
#include "runtime/observe/exit_watch.h"
#include "runtime/observe/signal_cause.h"
#include "runtime/observe/terminate_note.h"

namespace moult {
namespace {

constexpr std::array kFatal{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
constexpr std::size_t kMaxFolder = 3'000;
constexpr int kStderrPatienceMs = 1'000;  // for a reader that doesn't read

struct Cause {
  int signal = 0;                  // 0: exit() was called
  siginfo_t* fault = nullptr;      // of a signal
  const void* context = nullptr;   // of a signal
  const char* function = nullptr;  // of an exit
  int status = 0;                  // of an exit
};

// A signal handler gets at nothing but static state. Constant once installed:
constinit CrashText folder;
constinit CrashText version;
constinit unsigned bound_seconds = 0;

// Owned by the reporting thread, which is the first that crashed.
constinit std::atomic<pid_t> reporter{0};
constinit std::atomic<int> death{0};  // the signal to die of; 0: exit. Read by the watchdog as well
constinit siginfo_t* first_fault = nullptr;
constinit CrashText report;
constinit CrashText path;
constinit int file = -1;
constinit std::size_t in_file = 0;  // bytes of the report
constinit bool cut_short = false;

static_assert(std::atomic<pid_t>::is_always_lock_free);

// ---- Dying --------------------------------------------------------------------------------------

[[noreturn]] void wait_for_death() noexcept {
  for (;;) ::pause();
}

/// With the original siginfo where there is one, so that a debugger sees the address. As process 1
/// of a container nobody dies of a signal that is sent: the status then says what a shell would.
[[noreturn]] void die(siginfo_t* fault) noexcept {
  const int signal = death.load();
  if (signal == 0) ::_exit(kExitCalledByHandler);
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  ::sigaction(signal, &action, nullptr);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  if (fault != nullptr) ::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), ::gettid(), signal, fault);
  ::raise(signal);
  ::_exit(128 + signal);
}

void on_watchdog(int) noexcept { die(nullptr); }

/// Whatever hangs in here (a reader of stderr, a file system, a lock in the unwinder): the process
/// must die.
void start_watchdog() noexcept {
  struct sigaction action {};
  action.sa_handler = on_watchdog;
  ::sigaction(SIGALRM, &action, nullptr);
  ::alarm(bound_seconds);
}

/// A report is interrupted by nothing but its own faults and the watchdog. Set here and not by
/// sigaction's mask alone: a call of exit() has none, and sanitizers change it.
void block_other_signals() noexcept {
  sigset_t set;
  sigfillset(&set);
  for (const int signal : kFatal) sigdelset(&set, signal);
  sigdelset(&set, SIGALRM);
  ::pthread_sigmask(SIG_SETMASK, &set, nullptr);
}

// ---- Writing ------------------------------------------------------------------------------------

/// False when it can't be written, whoever the reader is.
bool can_write_later(int fd) noexcept {
  if (errno == EINTR) return true;
  if (errno != EAGAIN) return false;
  pollfd writable{fd, POLLOUT, 0};
  return ::poll(&writable, 1, kStderrPatienceMs) == 1;
}

void write_all(int fd, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (!can_write_later(fd)) {
      return;
    }
  }
}

/// What the file does not have yet.
void save() noexcept {
  if (file < 0) return;
  write_all(file, report.view().substr(in_file));
  in_file = report.view().size();
}

void open_file(const CrashTime& now) noexcept {
  path.add(folder.view()).add("/crash-").add_number(::getpid()).add("-");
  add_compact(path, now);
  path.add(".txt");
  file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  const int error = errno;
  report.add("file: ").add(path.view());
  if (file < 0) report.add(" could not be made: ").add_name(::strerrorname_np(error));
  report.add("\n");
}

/// The file first: it never waits for a reader.
void publish() noexcept {
  save();
  write_all(STDERR_FILENO, report.view());
}

// ---- The report ---------------------------------------------------------------------------------

void add_headline(const Cause& cause) noexcept {
  report.add("moult: crash: ");
  if (cause.signal == 0) {
    report.add(cause.function).add("(").add_number(cause.status).add(") called by a handler");
  } else if (terminate_note.terminated) {
    report.add("std::terminate");
  } else {
    add_signal_name(report, cause.signal);
  }
  report.add("\n");
}

void add_program(const CrashTime& now) noexcept {
  report.add("time: ");
  add_readable(report, now);
  report.add("\nversion: ").add(version.view());
  report.add("\nprocess: ").add_number(::getpid());
  std::array<char, 16> thread{};
  ::prctl(PR_GET_NAME, thread.data());
  report.add("\nthread: ").add_name(thread.data()).add(" ").add_number(::gettid()).add("\n");
}

void add_termination() noexcept {
  if (!terminate_note.terminated) return;
  if (terminate_note.type == nullptr) {
    report.add("exception: none\n");
    return;
  }
  report.add("exception: ").add_name(terminate_note.type);
  if (terminate_note.what[0] != '\0') report.add(": ").add_name(terminate_note.what.data());
  report.add("\n");
}

void add_in_hand() noexcept {
  const InHand& hand = in_hand;
  if (hand.handler == nullptr) {
    report.add("in hand: nothing of a handler's\n");
    return;
  }
  report.add("handler: ").add_name(hand.handler);
  report.add("\ncall: ").add_name(hand.call);
  report.add("\nbuild_id: ").add_name(hand.build_id);
  report.add("\ntopic: ").add_name(hand.topic);
  report.add("\npartition: ").add_number(hand.partition).add("\n");
  if (hand.first < 0) return;
  report.add("offsets: ").add_number(hand.first).add(" to ").add_number(hand.last).add("\n");
}

void write_report(const Cause& cause) noexcept {
  const CrashTime now = CrashTime::now();
  const Interrupted at = interrupted_at(cause.context);
  add_headline(cause);
  add_program(now);
  if (cause.fault != nullptr) add_cause(report, *cause.fault, at.stack);
  open_file(now);
  save();
  add_termination();
  add_in_hand();
  save();
  add_backtrace(report, at.instruction);
  publish();
}

/// The report itself crashed: what there is of it has to do.
[[noreturn]] void cut_report_short(int signal) noexcept {
  if (!cut_short) {
    cut_short = true;
    report.add("\ncut short: ");
    add_signal_name(report, signal);
    report.add(" while this was written\n");
    publish();
  }
  die(first_fault);
}

[[noreturn]] void report_and_die(const Cause& cause) noexcept {
  block_other_signals();
  pid_t nobody = 0;
  if (!reporter.compare_exchange_strong(nobody, ::gettid())) {
    if (nobody != ::gettid()) wait_for_death();
    cut_report_short(cause.signal);
  }
  death.store(cause.signal);
  first_fault = cause.fault;
  start_watchdog();
  write_report(cause);
  die(cause.fault);
}

void on_fatal(int signal, siginfo_t* fault, void* context) noexcept {
  report_and_die({.signal = signal, .fault = fault, .context = context});
}

void on_exit_call(const char* function, int status) noexcept {
  report_and_die({.function = function, .status = status});
}

// ---- Installing ---------------------------------------------------------------------------------

bool handled_by_others(int signal) noexcept {
  struct sigaction current {};
  if (::sigaction(signal, nullptr, &current) != 0) return true;
  return (current.sa_flags & SA_SIGINFO) != 0 ||
         (current.sa_handler != SIG_DFL && current.sa_handler != SIG_IGN);
}

/// SA_NODEFER: a fault of the handler's own comes to the handler too, instead of ending the process
/// before the report is out. False when the signal is left to others.
bool watch_signal(int signal) noexcept {
  if (handled_by_others(signal)) return false;
  struct sigaction action {};
  action.sa_sigaction = on_fatal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  return ::sigaction(signal, &action, nullptr) == 0;
}

}  // namespace

Status install_crash_report(const CrashReportOptions& options) {
  std::error_code error;
  const std::string absolute = std::filesystem::absolute(options.folder, error).string();
  if (error) return failure("crash reports: " + options.folder.string() + ": " + error.message());
  if (absolute.size() > kMaxFolder) {
    return failure("crash reports: the folder's path is longer than " + std::to_string(kMaxFolder) +
                   " bytes");
  }
  folder.add(absolute);
  version.add(options.version);
  bound_seconds = static_cast<unsigned>(std::max<std::int64_t>(1, options.bound.count()));
  prepare_crash_stack();
  for (const int signal : kFatal) {
    const bool watched = watch_signal(signal);
    if (signal == SIGABRT && watched) note_terminations();
  }
  watch_exit(on_exit_call);
  return Ok{};
}

}  // namespace moult
