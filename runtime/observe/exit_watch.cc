#include "runtime/observe/exit_watch.h"

#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "runtime/base/in_hand.h"

namespace moult {
namespace {

using ExitFunction = void (*)(int);

// Static, because exit() has no argument for it.
constinit std::atomic<ExitHook> hook{nullptr};
constinit std::atomic<pid_t> watched_process{0};

void call_hook(const char* function, int status) noexcept {
  const ExitHook on_exit = hook.load();
  if (on_exit == nullptr || in_hand.handler == nullptr) return;
  // A handler may fork, and its child may exit as it likes.
  if (watched_process.load() == ::getpid()) on_exit(function, status);
}

[[noreturn]] void exit_by(const char* function, int status) noexcept {
  call_hook(function, status);
  const auto next = reinterpret_cast<ExitFunction>(::dlsym(RTLD_NEXT, function));
  if (next != nullptr) next(status);
  ::_exit(status);
}

}  // namespace

void watch_exit(ExitHook on_exit) noexcept {
  watched_process.store(::getpid());
  hook.store(on_exit);
}

}  // namespace moult

extern "C" {

[[gnu::visibility("default")]] void exit(int status) noexcept { moult::exit_by("exit", status); }

[[gnu::visibility("default")]] void quick_exit(int status) noexcept {
  moult::exit_by("quick_exit", status);
}

}  // extern "C"
