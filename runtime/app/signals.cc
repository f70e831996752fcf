#include "runtime/app/signals.h"

#include <pthread.h>
#include <sys/signalfd.h>

#include <csignal>
#include <utility>

namespace moult {
namespace {

sigset_t handled() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGTTIN, SIGUSR1, SIGPIPE}) {
    sigaddset(&set, signal);
  }
  return set;
}

}  // namespace

void SignalQueue::block() {
  const sigset_t set = handled();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Result<SignalQueue> SignalQueue::open() {
  sigset_t set = handled();
  sigdelset(&set, SIGPIPE);  // stays blocked: a closed pipe is an error of the write
  UniqueFd fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return failure("signalfd() failed: out of file descriptors");
  return SignalQueue(std::move(fd));
}

std::optional<int> SignalQueue::take() {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace moult
