#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/app/file_watch.h"
#include "runtime/app/membership.h"
#include "runtime/app/service_report.h"
#include "runtime/app/signals.h"
#include "runtime/base/log.h"
#include "runtime/base/mailbox.h"
#include "runtime/base/time.h"
#include "runtime/reload/reloader.h"

namespace moult {

/// The control thread's loop: turns signals into requests and waits for the consumers to end.
class Control {
 public:
  using Memberships = std::vector<std::unique_ptr<Membership>>;

  /// All outlive the control.
  Control(Memberships& memberships, Reloader& reloader, SignalQueue& signals,
          ServiceReport& service, Milliseconds drain_deadline, Logger log);

  /// Asked about ten times a second; true stops the daemon as TERM does.
  void stop_when(std::function<bool()> done) { done_ = std::move(done); }

  /// Reloads when the files change; opens the watch anew then, for there may be others.
  Status watch(std::function<Result<FileWatch>()> open);

  /// Starts the consumers; returns the exit code once they ended or the deadline passed.
  int run();

  /// Whether every consumer is closed. Else some thread is still inside a handler or a client, and
  /// nothing may be destroyed around it.
  bool all_closed() const { return closed_ == memberships_.size(); }

 private:
  void wait();
  int timeout() const;
  void on_signal(int signal);
  void on_change();
  void reload(const char* cause);
  void stop();
  void take_endings();
  std::optional<int> outcome();
  void report_overdue() const;

  // Constant after construction.
  Memberships& memberships_;
  Reloader& reloader_;
  SignalQueue& signals_;
  ServiceReport& service_;
  const Milliseconds drain_deadline_;
  const Logger log_;

  Mailbox<kafka::ConsumerEnd> endings_;  // one for each consumer

  // Owned by the control thread.
  std::function<bool()> done_;
  std::function<Result<FileWatch>()> open_watch_;
  std::optional<FileWatch> files_;
  std::optional<TimePoint> deadline_;   // once stopping
  std::optional<TimePoint> last_look_;  // once that has passed
  std::size_t ended_ = 0;
  std::size_t closed_ = 0;
  bool forced_ = false;
  bool blocked_ = false;
  bool failed_ = false;
};

}  // namespace moult
