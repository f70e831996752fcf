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
[[noreturn]] void become(char* const* arguments, char* const* variables, int out, int errors) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  ::execvpe(arguments[0], arguments, variables);
  ::_exit(127);
}

/// NAME=value of this process, with `on_top` in place of those of the same name.
std::vector<std::string> variables_with(const Environment& on_top) {
  std::vector<std::string> lines;
  for (char** line = environ; *line != nullptr; ++line) {
    const std::string text = *line;
    if (!on_top.contains(text.substr(0, text.find('=')))) lines.push_back(text);
  }
  for (const auto& [name, value] : on_top) lines.push_back(fmt::format("{}={}", name, value));
  return lines;
}

/// As exec wants them; they point into `words`.
std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const Output& output,
                 const Environment& environment) {
  const UniqueFd out = open_for_output(output.out);
  const UniqueFd errors = open_for_output(output.errors);
  std::vector<std::string> words = command;
  const std::vector<char*> arguments = pointers_to(words);
  std::vector<std::string> lines = variables_with(environment);
  const std::vector<char*> variables = pointers_to(lines);
  pid_ = ::fork();
  if (pid_ == 0) become(arguments.data(), variables.data(), out.get(), errors.get());
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

Finished succeeded(Finished finished, const std::string& what) {
  if (finished.status == 0) return finished;
  throw std::runtime_error(
      fmt::format("{}: status {}\n{}{}", what, finished.status, finished.out, finished.errors));
}

Finished run_to_end(const std::vector<std::string>& command, Duration bound,
                    const Environment& environment) {
  const Scratch scratch(Scratch::Keep::kNever);
  const Process::Output output{scratch / "out", scratch / "errors"};
  Process process(command, output, environment);
  const auto status = process.wait_exit(bound);
  Finished finished{status.value_or(-SIGKILL), read_file(output.out), read_file(output.errors)};
  if (status) return finished;
  throw std::runtime_error(fmt::format("'{}' did not end:\n{}{}", fmt::join(command, " "),
                                       finished.out, finished.errors));
}

}  // namespace moult::testing
