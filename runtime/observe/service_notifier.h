#pragma once

#include <optional>
#include <string_view>

#include "runtime/base/time.h"

namespace moult {

/// Tells the service manager that started this process how it is, by the protocol of sd_notify(3).
/// Where there is no manager that wants to know, nothing is sent. A message that can't be delivered
/// is lost: the next one says more. Any thread.
class ServiceNotifier {
 public:
  /// As $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID say now; they stay as they are.
  static ServiceNotifier from_environment();

  bool connected() const { return connected_; }
  /// How long after alive() the manager kills this process, unless it hears it again.
  std::optional<Duration> watchdog() const { return watchdog_; }

  /// Started, or reloaded. `status`, here and below: one line for people.
  void ready(std::string_view status) const;
  void reloading() const;
  /// It will have ended within `bound`, which may be longer than what the manager is configured to
  /// wait.
  void stopping(Duration bound) const;
  void status(std::string_view status) const;
  void alive() const;

 private:
  ServiceNotifier(bool connected, std::optional<Duration> watchdog)
      : connected_(connected), watchdog_(watchdog) {}

  // Constant after construction.
  bool connected_;
  std::optional<Duration> watchdog_;
};

}  // namespace moult
