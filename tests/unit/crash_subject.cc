// A program that crashes as it is told, for crash_report_test.cc: crash_subject SCENARIO FOLDER
// PLUGIN. Its worker thread has what a worker of the daemon has.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <barrier>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/alt_stack.h"
#include "runtime/base/in_hand.h"
#include "runtime/observe/crash_report.h"

// Says so when a report allocates. Sanitizers have allocators of their own; ThreadSanitizer reports
// an allocation in a signal handler by itself.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
constinit thread_local bool may_not_allocate = false;

extern "C" {
void* __libc_malloc(std::size_t size);              // NOLINT: the C library's names
void* __libc_calloc(std::size_t n, std::size_t s);  // NOLINT
void* __libc_realloc(void* memory, std::size_t s);  // NOLINT
void __libc_free(void* memory);                     // NOLINT

static void complain_of_allocation() noexcept {
  if (!may_not_allocate) return;
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, "ALLOCATED\n", 10);
}
void* malloc(std::size_t size) noexcept {
  complain_of_allocation();
  return __libc_malloc(size);
}
void* calloc(std::size_t n, std::size_t size) noexcept {
  complain_of_allocation();
  return __libc_calloc(n, size);
}
void* realloc(void* memory, std::size_t size) noexcept {
  complain_of_allocation();
  return __libc_realloc(memory, size);
}
void free(void* memory) noexcept {
  complain_of_allocation();
  __libc_free(memory);
}
}
#else
static bool may_not_allocate = false;
#endif

// Crashes that a sanitizer would report in its own way.
#define MOULT_UNCHECKED __attribute__((noinline, no_sanitize("address", "undefined", "thread")))

namespace moult {
namespace {

// Volatile, or the compiler sees through it.
volatile std::uintptr_t nowhere = 16;  // NOLINT

// As a plugin's author would write them by mistake, so no sanitizer may get there first.
MOULT_UNCHECKED void write_to(std::uintptr_t address) {
  *reinterpret_cast<volatile int*>(address) = 1;  // NOLINT: that is the point
}

extern "C" MOULT_UNCHECKED void crash_here() {
  may_not_allocate = true;
  *reinterpret_cast<volatile int*>(nowhere) = 1;  // NOLINT: that is the point
}

MOULT_UNCHECKED int divide(int number, int by) {
  const volatile int dividend = number;  // or 1 / by is folded without a division
  const volatile int divisor = by;
  return dividend / divisor;
}

MOULT_UNCHECKED int overflow_stack(int depth) {
  volatile char frame[4096];  // NOLINT: an array that is not optimised away
  frame[0] = static_cast<char>(depth);
  return depth == 0 ? 0 : overflow_stack(depth + 1) + frame[0];
}

void write_behind_the_end_of_a_file() {
  const int fd = ::memfd_create("crash", 0);
  void* mapped = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  may_not_allocate = true;
  write_to(reinterpret_cast<std::uintptr_t>(mapped));
}

void throw_text() { throw std::runtime_error("no such\ncurrency: XYZ"); }
void throw_number() { throw 42; }

struct Mute : std::exception {
  const char* what() const noexcept override {
    crash_here();
    return "";
  }
};
void throw_mute() { throw Mute(); }

void exit_in_child() {
  const pid_t child = ::fork();
  if (child == 0) std::quick_exit(3);  // exit() would look for leaks, and find the parent's
  int status = 0;
  ::waitpid(child, &status, 0);
  std::printf("child %d\n", WEXITSTATUS(status));
}

void hit_by_another_process() {
  const pid_t parent = ::getpid();
  if (::fork() == 0) {
    ::kill(parent, SIGBUS);
    ::_exit(0);
  }
  for (;;) ::pause();
}

void crash_with_stderr(bool reader_lives) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_NONBLOCK) != 0) std::abort();
  std::array<char, 4096> page{};
  while (::write(ends[1], page.data(), page.size()) > 0) {
  }
  ::fcntl(ends[1], F_SETFL, 0);
  ::dup2(ends[1], STDERR_FILENO);
  if (!reader_lives) ::close(ends[0]);
  crash_here();
}

/// Runs in a thread as the daemon's workers are.
void on_worker(const std::function<void()>& run) {
  std::thread([&]() noexcept {
    ::pthread_setname_np(::pthread_self(), "orders-1");
    const AltStack stack;
    run();
  }).join();
}

const InHand kBatch{"orders", "consume", "0123abcd", "orders.created", 3, 100, 149};

void in_a_handler(const std::function<void()>& run) {
  on_worker([&] {
    const InHandScope scope(kBatch);
    [&]() noexcept { run(); }();  // as Instance::consume is: nothing unwinds the scope
  });
}

void crash_many() {
  constexpr std::ptrdiff_t kThreads = 8;
  std::barrier start(kThreads);
  std::vector<std::thread> threads;
  for (std::ptrdiff_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      const AltStack stack;
      const InHandScope scope(kBatch);
      start.arrive_and_wait();
      crash_here();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

using PluginFunction = void (*)(int);

PluginFunction plugin_function(const char* plugin, const char* name) {
  void* library = ::dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
  void* found = library == nullptr ? nullptr : ::dlsym(library, name);
  if (found == nullptr) std::fprintf(stderr, "plugin: %s\n", ::dlerror());
  return reinterpret_cast<PluginFunction>(found);
}

void handle_by_ourselves() {
  std::signal(SIGSEGV, [](int) { ::_exit(9); });
}

using Scenario = std::function<void()>;

// A table, however long.
// NOLINTNEXTLINE(readability-function-size)
std::map<std::string, Scenario> scenarios(const char* plugin) {
  return {
      {"segv", [] { in_a_handler(crash_here); }},
      {"bus", [] { in_a_handler(write_behind_the_end_of_a_file); }},
      {"fpe", [] { in_a_handler([] { std::exit(divide(1, 0)); }); }},
      {"ill", [] { in_a_handler([] { __builtin_trap(); }); }},
      {"trap", [] { in_a_handler([] { std::raise(SIGTRAP); }); }},
      {"abort", [] { in_a_handler([] { std::abort(); }); }},
      {"stack", [] { in_a_handler([] { overflow_stack(1); }); }},
      {"throw", [] { in_a_handler(throw_text); }},
      {"throw_number", [] { in_a_handler(throw_number); }},
      {"throw_mute", [] { in_a_handler(throw_mute); }},
      {"terminate", [] { in_a_handler([] { std::terminate(); }); }},
      {"exit",
       [plugin] { in_a_handler([exits = plugin_function(plugin, "plugin_exit")] { exits(0); }); }},
      {"quick_exit",
       [plugin] {
         in_a_handler([exits = plugin_function(plugin, "plugin_quick_exit")] { exits(5); });
       }},
      {"plugin",
       [plugin] {
         in_a_handler([crashes = plugin_function(plugin, "plugin_crash")] { crashes(0); });
       }},
      {"exit_in_child", [] { in_a_handler(exit_in_child); }},
      {"exit_of_our_own", [] { on_worker([] { std::exit(4); }); }},
      {"create",
       [] {
         on_worker([] {
           const InHandScope scope({"orders", "create", "0123abcd", "orders.created", 3, -1, -1});
           crash_here();
         });
       }},
      {"nothing_in_hand", [] { std::thread(crash_here).join(); }},
      {"after_a_batch",
       [] {
         on_worker([] {
           { const InHandScope scope(kBatch); }
           crash_here();
         });
       }},
      {"many", crash_many},
      {"killed", hit_by_another_process},
      {"broken_names",
       [] {
         on_worker([] {
           InHand broken = kBatch;
           broken.topic = reinterpret_cast<const char*>(std::uintptr_t{8});  // NOLINT
           const InHandScope scope(broken);
           std::abort();
         });
       }},
      {"odd_names",
       [] {
         on_worker([] {
           InHand odd = kBatch;
           odd.handler = "or\nders";
           odd.build_id = nullptr;
           const InHandScope scope(odd);
           crash_here();
         });
       }},
      {"stalled_stderr", [] { in_a_handler([] { crash_with_stderr(true); }); }},
      {"closed_stderr", [] { in_a_handler([] { crash_with_stderr(false); }); }},
      {"handled", [] { in_a_handler(crash_here); }},
  };
}

/// Sanitizers handle some of these signals; here they must be free.
void free_signals() {
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) {
    std::signal(number, SIG_DFL);
  }
}

/// Where crash_here() is in this file, as a backtrace has it.
void print_place() {
  Dl_info found{};
  void* function = reinterpret_cast<void*>(&crash_here);
  if (::dladdr(function, &found) == 0) return;
  std::printf("crash_here %zu\n", reinterpret_cast<std::uintptr_t>(function) -
                                      reinterpret_cast<std::uintptr_t>(found.dli_fbase));
  std::fflush(stdout);
}

int run(const std::string& scenario, const char* folder, const char* plugin) {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  free_signals();
  if (scenario == "handled") handle_by_ourselves();
  // Only where the report stalls does the time pass that it may take.
  const std::chrono::seconds bound(scenario == "stalled_stderr" ? 2 : 30);
  const auto installed = install_crash_report({folder, "1.2.3", bound});
  if (!installed) {
    std::fprintf(stderr, "%s\n", installed.error().message.c_str());
    return 1;
  }
  const AltStack stack;
  print_place();
  scenarios(plugin).at(scenario)();
  return 0;
}

}  // namespace
}  // namespace moult

int main(int, char** argv) { return moult::run(argv[1], argv[2], argv[3]); }
