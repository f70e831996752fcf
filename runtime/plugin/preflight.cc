#include "runtime/plugin/preflight.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "runtime/base/unique_fd.h"
#include "runtime/plugin/preflight_wire.h"
#include "runtime/plugin/process_state.h"
#include "runtime/plugin/rules.h"

namespace moult {
namespace {

constexpr std::size_t kMaxSampleRecords = 1'000;
constexpr std::size_t kMaxReport = 1024ULL * 1024;

std::vector<std::string> records_of(std::string_view sample) {
  std::vector<std::string> records;
  while (!sample.empty() && records.size() < kMaxSampleRecords) {
    const std::size_t end = std::min(sample.find('\n'), sample.size());
    if (end > 0) records.emplace_back(sample.substr(0, end));
    sample.remove_prefix(std::min(end + 1, sample.size()));
  }
  return records;
}

/// The same descriptor where spawning does not need its number for something else.
UniqueFd above_standard(UniqueFd fd) {
  if (!fd || fd.get() >= kFirstFreeDescriptor) return fd;
  return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kFirstFreeDescriptor));
}

/// A file in memory with these bytes, to be read from its start.
UniqueFd file_of(std::string_view bytes) {
  UniqueFd fd = above_standard(UniqueFd(::memfd_create("moult-preflight", MFD_CLOEXEC)));
  while (fd && !bytes.empty()) {
    const ssize_t count = ::write(fd.get(), bytes.data(), bytes.size());
    if (count <= 0) return {};
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  if (!fd || ::lseek(fd.get(), 0, SEEK_SET) != 0) return {};
  return fd;
}

/// How the process is made: stdin and stdout as given, a group of its own, no signal blocked or
/// ignored.
class SpawnPlan {
 public:
  SpawnPlan(int in, int out) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_adddup2(&actions_, in, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, out, STDOUT_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, kFirstFreeDescriptor);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  /// An errno value, 0 when it runs.
  int run(const std::filesystem::path& executable, pid_t& pid) const {
    std::string name = "moult";
    std::string command = kPreflightCommand;
    const std::array<char*, 3> arguments = {name.data(), command.data(), nullptr};
    return ::posix_spawn(&pid, executable.c_str(), &actions_, &attributes_, arguments.data(),
                         ::environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

/// The throw-away process. It is gone, with all that it started in its group, when this is.
class Child {
 public:
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) end();
  }

  /// An errno value, 0 when it runs.
  int start(const std::filesystem::path& executable, UniqueFd request) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return errno;
    report_ = above_standard(UniqueFd(pipe[0]));
    const UniqueFd write_end = above_standard(UniqueFd(pipe[1]));
    if (!report_ || !write_end) return EMFILE;
    ::fcntl(report_.get(), F_SETFL, O_NONBLOCK);
    const SpawnPlan plan(request.get(), write_end.get());
    if (const int error = plan.run(executable, pid_); error != 0) return error;
    pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    return pidfd_ ? 0 : errno;
  }

  /// Reads until it ends. False: it still runs at the deadline.
  bool read_to_end(TimePoint deadline, std::string& text) {
    for (;;) {
      std::array<pollfd, 2> fds = {{{report_.get(), POLLIN, 0}, {pidfd_.get(), POLLIN, 0}}};
      const int left = poll_ms(deadline - Clock::now());
      if (left == 0) return false;
      const int ready = ::poll(fds.data(), fds.size(), left);
      if (ready < 0 && errno != EINTR) return false;
      if (ready <= 0) continue;
      // Its end first: what it wrote is then all there. Its children may hold the pipe open.
      const bool has_ended = (fds[1].revents & POLLIN) != 0;
      const bool is_closed = report_ && !read_some(text);
      if (has_ended) return true;
      if (is_closed) report_.reset();  // poll passes over it
    }
  }

  /// What wait() says of it, after it was ended where it had not.
  int end() {
    int status = 0;
    ::kill(-pid_, SIGKILL);  // the group: its own children too
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  /// False at the end of the pipe.
  bool read_some(std::string& text) {
    std::array<char, 4096> buffer{};
    for (;;) {
      const ssize_t count = ::read(report_.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return errno == EAGAIN;
      if (count == 0) return false;
      if (text.size() < kMaxReport) text.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }

  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd report_;
};

/// What came over the pipe.
struct Told {
  const StepRules* step = nullptr;
  std::string threads;
  std::vector<std::string> notes;
  std::string refusal;
  bool is_done = false;
};

Told read_report(std::string_view text) {
  Told told;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == text.npos) break;  // it ended in the middle of a line
    const PreflightLine line = decode_line(text.substr(0, end));
    text.remove_prefix(end + 1);
    if (line.word == "step") told.step = step_of_name(line.rest);
    if (line.word == "threads") told.threads = line.rest;
    if (line.word == "note") told.notes.emplace_back(line.rest);
    if (line.word == "refused" && told.refusal.empty()) told.refusal = line.rest;
    if (line.word == "done") told.is_done = true;
  }
  return told;
}

/// The words for a process that ended before it was done.
Unexpected<Error> early_end(const std::filesystem::path& plugin, const Told& told, int status) {
  if (told.step == nullptr) {
    return refuse(plugin, rules::kPreflightIo, "the throw-away process ended before it began");
  }
  const bool is_unload = told.step == &rules_of(PreflightStep::kUnload);
  if (is_unload && WIFSIGNALED(status) && !told.threads.empty()) {
    return refuse(plugin, rules::kLeavesThread,
                  fmt::format("its threads still ran when it was unloaded ({}), and the process "
                              "died of {}",
                              told.threads, name_of_signal(WTERMSIG(status))));
  }
  if (WIFSIGNALED(status)) {
    return refuse(plugin, told.step->crash,
                  fmt::format("{} in {}", name_of_signal(WTERMSIG(status)), told.step->where));
  }
  return refuse(
      plugin, told.step->exit,
      fmt::format("the process ended with status {} in {}", WEXITSTATUS(status), told.step->where));
}

Unexpected<Error> no_process(const std::filesystem::path& plugin, int error) {
  return refuse(plugin, rules::kPreflightIo,
                fmt::format("no throw-away process: {}", std::generic_category().message(error)));
}

Unexpected<Error> hung(const std::filesystem::path& plugin, const Told& told, Milliseconds bound) {
  if (told.step == nullptr) {
    return refuse(plugin, rules::kPreflightIo, "the throw-away process did not begin in time");
  }
  return refuse(plugin, told.step->hang,
                fmt::format("{} did not return within {} ms", told.step->where, bound.count()));
}

}  // namespace

Result<PreflightReport> preflight(const StagedPlugin& copy, const PreflightSpec& spec,
                                  const PreflightOptions& options) {
  const TimePoint begin = Clock::now();
  PreflightRequest request{spec.plugin.native(), copy.path().native(), spec.handler,
                           spec.settings_json,   spec.topic,           {}};
  if (copy.sample()) request.sample = records_of(*copy.sample());
  UniqueFd file = file_of(encode(request));
  if (!file) return no_process(spec.plugin, errno);
  Child child;
  if (const int error = child.start(options.executable, std::move(file)); error != 0) {
    return no_process(spec.plugin, error);
  }
  std::string text;
  const bool has_ended = child.read_to_end(begin + options.bound, text);
  const int status = child.end();
  Told told = read_report(text);
  if (!told.refusal.empty()) return failure(std::move(told.refusal));
  if (!told.is_done && !has_ended) return hung(spec.plugin, told, options.bound);
  if (!told.is_done) return early_end(spec.plugin, told, status);
  return PreflightReport{static_cast<std::uint32_t>(request.sample.size()), std::move(told.notes),
                         Clock::now() - begin};
}

}  // namespace moult
