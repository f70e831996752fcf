#include "runtime/app/service_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/app/service_line.h"

namespace moult {
namespace {

/// How old the line for people may be.
constexpr Milliseconds kStatusInterval{10'000};
/// So many answers may come late before the watchdog takes it for a hang.
constexpr int kAnswersInWatchdog = 3;

Duration interval_of(const ServiceNotifier& notifier) {
  if (!notifier.watchdog()) return kStatusInterval;
  return std::min<Duration>(kStatusInterval, *notifier.watchdog() / kAnswersInWatchdog);
}

}  // namespace

ServiceReport::ServiceReport(ServiceNotifier notifier, Logger log)
    : notifier_(notifier),
      log_(log),
      interval_(interval_of(notifier)),
      answers_(std::make_shared<Mailbox<DaemonStatus>>(1)) {}

TimePoint ServiceReport::due() const { return notifier_.connected() ? next_ : kNever; }

void ServiceReport::step(TimePoint now) {
  if (!notifier_.connected()) return;
  std::vector<DaemonStatus> answers;
  answers_->take_all(answers);
  if (!answers.empty()) {
    asked_.reset();
    hear(answers.front());
  }
  if (now < next_ && !outdated()) return;
  next_ = now + interval_;
  if (asked_) {
    complain(now);
  } else {
    ask(now);
  }
}

/// Whether there was a reload since the last question. One that is under way may be older.
bool ServiceReport::outdated() {
  const std::lock_guard lock(mutex_);
  return !asked_ && std::exchange(outdated_, false);
}

void ServiceReport::hear(const DaemonStatus& status) {
  std::string line = service_line(status);
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  const bool changed = line != line_;
  line_ = std::move(line);
  if (!std::exchange(started_, true)) {
    notifier_.ready(line_);
  } else if (changed) {
    notifier_.status(line_);
  }
  notifier_.alive();
}

void ServiceReport::ask(TimePoint now) {
  asked_ = now;
  ask_([answers = answers_](DaemonStatus status) { answers->post(std::move(status)); });
}

/// The watchdog hears nothing meanwhile. When the daemon stops, poll loops end without an answer.
void ServiceReport::complain(TimePoint now) {
  const auto waited = to_ms(now - *asked_);
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  log_.error("a poll loop does not answer, the service manager's watchdog is not told",
             {{"waited_ms", waited}});
  line_ = fmt::format("a poll loop has not answered for {} ms", waited);
  notifier_.status(line_);
}

void ServiceReport::stopping(Duration bound) {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  notifier_.stopping(bound);
}

/// A manager that still waits for the start would take the end of a reload for it.
void ServiceReport::reload_began() {
  const std::lock_guard lock(mutex_);
  if (started_ && !stopping_) notifier_.reloading();
}

void ServiceReport::reload_ended() {
  const std::lock_guard lock(mutex_);
  if (!started_ || stopping_) return;
  notifier_.ready(line_);
  outdated_ = true;
  answers_->wake();
}

}  // namespace moult
