#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "runtime/admin/status.h"
#include "runtime/base/log.h"
#include "runtime/base/mailbox.h"
#include "runtime/base/time.h"
#include "runtime/observe/service_notifier.h"

namespace moult {

/// What the service manager hears of the daemon: that it has started, that it reloads and stops,
/// how it is, and, for the manager's watchdog, that every poll loop still answers. A poll loop that
/// hangs is so the end of the process, a handler that does is not.
///
/// Started means that every plugin is loaded and every poll loop runs, whether or not a broker
/// answers: an outage of Kafka is no reason to fail a start, or to restart again and again.
class ServiceReport {
 public:
  /// Has the daemon tell how it is: `then` is called once, on any thread, when all poll loops have
  /// answered; never when one doesn't.
  using Ask = std::function<void(std::function<void(DaemonStatus)> then)>;

  ServiceReport(ServiceNotifier notifier, Logger log);

  // The control thread.
  /// Once, before the rest.
  void ask_by(Ask ask) { ask_ = std::move(ask); }
  /// Readable when there is an answer: call step() then, and when it is due.
  int fd() const { return answers_->wake_fd(); }
  TimePoint due() const;
  void step(TimePoint now);
  /// It will have ended within `bound`. Nothing else is told from then on.
  void stopping(Duration bound);

  // Any thread.
  void reload_began();
  void reload_ended();

 private:
  bool outdated();
  void hear(const DaemonStatus& status);
  void ask(TimePoint now);
  void complain(TimePoint now);

  // Constant after construction.
  const ServiceNotifier notifier_;
  const Logger log_;
  const Duration interval_;
  /// One question is under way at most. An answer may come when this object is gone.
  const std::shared_ptr<Mailbox<DaemonStatus>> answers_;

  // The control thread.
  Ask ask_;
  TimePoint next_{};                // at once, at first
  std::optional<TimePoint> asked_;  // what has no answer yet

  std::mutex mutex_;
  // Guarded by mutex_, so that what is told keeps its order.
  bool started_ = false;
  bool stopping_ = false;
  bool outdated_ = false;  // line_
  std::string line_ = "started";
};

}  // namespace moult
