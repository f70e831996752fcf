#include "runtime/app/control.h"

#include <poll.h>

#include <algorithm>
#include <csignal>

#include "runtime/app/exit_code.h"

namespace moult {
namespace {

constexpr Milliseconds kDoneInterval{100};
/// From the drain deadline to the end of the process.
constexpr Milliseconds kLastWords{5'000};
/// For a consumer whose thread was kept from saying in time how it ended; a hang takes all of it.
constexpr Milliseconds kLateEnding{1'000};

}  // namespace

Control::Control(Memberships& memberships, Reloader& reloader, SignalQueue& signals,
                 ServiceReport& service, Milliseconds drain_deadline, Logger log)
    : memberships_(memberships),
      reloader_(reloader),
      signals_(signals),
      service_(service),
      drain_deadline_(drain_deadline),
      log_(log),
      endings_(memberships.size()) {}

int Control::run() {
  for (const auto& membership : memberships_) {
    membership->consumer().start([this](kafka::ConsumerEnd end) { endings_.post(std::move(end)); });
  }
  for (;;) {
    wait();
    while (const auto signal = signals_.take()) on_signal(*signal);
    take_endings();
    service_.step(Clock::now());
    if (const auto code = outcome()) return *code;
    if (files_ && files_->take(Clock::now())) on_change();
    if (!deadline_ && done_ && done_()) stop();
  }
}

Status Control::watch(std::function<Result<FileWatch>()> open) {
  open_watch_ = std::move(open);
  auto files = open_watch_();
  if (!files) return Unexpected(files.error());
  files_ = std::move(*files);
  return Ok{};
}

/// The new watch is there before the reload looks, so that no change falls in between.
void Control::on_change() {
  if (auto files = open_watch_()) {
    files_ = std::move(*files);
  } else {
    log_.warning("the files that were watched before still are, others are not",
                 {{"error", files.error().message}});
  }
  reload("a file changed");
}

void Control::wait() {
  std::array<pollfd, 4> fds = {
      pollfd{signals_.fd(), POLLIN, 0}, pollfd{endings_.wake_fd(), POLLIN, 0},
      pollfd{service_.fd(), POLLIN, 0}, pollfd{files_ ? files_->fd() : -1, POLLIN, 0}};
  ::poll(fds.data(), fds.size(), timeout());
  if (files_) files_->look(Clock::now());
}

/// For poll(); -1: until something happens.
int Control::timeout() const {
  TimePoint until = std::min(last_look_.value_or(deadline_.value_or(kNever)), service_.due());
  if (files_) until = std::min(until, files_->due());
  if (done_ && !deadline_) until = std::min(until, Clock::now() + kDoneInterval);
  if (until == kNever) return -1;
  return poll_ms(until - Clock::now());
}

void Control::on_signal(int signal) {
  switch (signal) {
    case SIGTERM:
    case SIGINT:
      if (deadline_) {
        log_.warning("second signal: stopping at once, unfinished work comes again");
        forced_ = true;
      } else {
        log_.info("stopping", {{"drain_deadline_ms", drain_deadline_.count()}});
        stop();
      }
      return;
    case SIGTSTP:
      for (const auto& membership : memberships_) membership->consumer().quiet();
      return;
    case SIGTTIN:
      for (const auto& membership : memberships_) membership->consumer().dump();
      return;
    case SIGHUP:
      return reload("SIGHUP");
    case SIGUSR1:  // what rotates logs may send it, and by default it would end the process
      return log_.info("USR1: there is no log file to open anew, whoever reads the log keeps it");
    default:
      return;
  }
}

/// Nobody waits for the answer: it goes to the log.
void Control::reload(const char* cause) {
  log_.info("reloading", {{"cause", cause}});
  reloader_.reload({}, [](const ReloadReport&) {});
}

void Control::stop() {
  service_.stopping(drain_deadline_ + kLastWords);
  reloader_.stop();
  deadline_ = Clock::now() + drain_deadline_;
  for (const auto& membership : memberships_) membership->consumer().stop(*deadline_);
}

void Control::take_endings() {
  std::vector<kafka::ConsumerEnd> endings;
  endings_.take_all(endings);
  for (const kafka::ConsumerEnd& end : endings) {
    ++ended_;
    if (end.closed) ++closed_;
    failed_ = failed_ || end.fatal || !end.uncommitted.empty();
    blocked_ = blocked_ || !end.blocked.empty();
    for (const std::string& line : end.blocked) {
      log_.error("not finished by the deadline, it comes again after the restart",
                 {{"blocked", line}});
    }
    for (const std::string& line : end.uncommitted) {
      log_.error("finished, but the broker did not take its offset: it comes again",
                 {{"uncommitted", line}});
    }
  }
  // One membership that ends by itself takes the process with it: half a daemon helps nobody.
  if (ended_ > 0 && !deadline_) stop();
}

std::optional<int> Control::outcome() {
  if (forced_) return kExitForced;
  if (ended_ == memberships_.size()) {
    if (blocked_) return kExitForced;
    return failed_ ? kExitFailed : kExitOk;
  }
  const TimePoint now = Clock::now();
  if (!deadline_ || now < *deadline_) return std::nullopt;
  // Not from the deadline on: this thread may have been kept as well.
  if (!last_look_) last_look_ = now + kLateEnding;
  if (now < *last_look_) return std::nullopt;
  report_overdue();
  return kExitForced;
}

void Control::report_overdue() const {
  log_.error("the drain deadline passed", {{"consumers", memberships_.size()}, {"ended", ended_}});
}

}  // namespace moult
