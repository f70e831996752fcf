#include "tests/support/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "tests/support/scratch.h"

namespace moult::testing {
namespace {

UniqueFd open_for_output(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!fd) throw std::runtime_error("can't open " + path.string());
  return fd;
}

/// Between fork and exec: only async-signal-safe calls, for other threads may hold locks.
[[noreturn]] void become(char* const* arguments, int out, int errors) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  ::execvp(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const Output& output) {
  const UniqueFd out = open_for_output(output.out);
  const UniqueFd errors = open_for_output(output.errors);
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) become(arguments.data(), out.get(), errors.get());
  if (pid_ < 0) throw std::runtime_error("fork failed");
  // By number: glibc 2.36 declares the function for C alone.
  fd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!fd_) throw std::runtime_error("pidfd_open failed");
}

Process::~Process() {
  signal(SIGKILL);
  wait_exit(std::chrono::seconds(10));
}

void Process::signal(int number) const {
  if (!status_) ::kill(pid_, number);
}

std::optional<int> Process::wait_exit(Duration bound) {
  if (status_) return status_;
  const TimePoint deadline = Clock::now() + bound;
  pollfd ended{fd_.get(), POLLIN, 0};
  while (::poll(&ended, 1,
                static_cast<int>(std::max<std::int64_t>(0, to_ms(deadline - Clock::now())))) <= 0) {
    if (Clock::now() >= deadline) return std::nullopt;
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return status_;
}

Finished run_to_end(const std::vector<std::string>& command, Duration bound) {
  const Scratch scratch;
  const Process::Output output{scratch / "out", scratch / "errors"};
  Process process(command, output);
  const auto status = process.wait_exit(bound);
  Finished finished{status.value_or(-SIGKILL), read_file(output.out), read_file(output.errors)};
  if (status) return finished;
  throw std::runtime_error(fmt::format("'{}' did not end:\n{}{}", fmt::join(command, " "),
                                       finished.out, finished.errors));
}

}  // namespace moult::testing
