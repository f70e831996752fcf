#include "runtime/observe/service_notifier.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace moult {
namespace {

/// The manager shows one line, and cuts what is very long.
constexpr std::size_t kMaxStatusBytes = 512;

void notify(const std::string& state) { ::sd_notify(0, state.c_str()); }

/// A line break would begin another variable.
std::string status_variable(std::string_view status) {
  std::string text(status.substr(0, kMaxStatusBytes));
  std::replace_if(
      text.begin(), text.end(), [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; },
      ' ');
  return "STATUS=" + text;
}

/// The manager compares it with its own clock, so it is CLOCK_MONOTONIC and no other.
std::int64_t monotonic_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
}

}  // namespace

ServiceNotifier ServiceNotifier::from_environment() {
  const char* const socket = std::getenv("NOTIFY_SOCKET");
  const bool connected = socket != nullptr && *socket != '\0';
  std::uint64_t interval_us = 0;
  if (connected && ::sd_watchdog_enabled(0, &interval_us) > 0) {
    return {connected, std::chrono::microseconds(interval_us)};
  }
  return {connected, std::nullopt};
}

void ServiceNotifier::ready(std::string_view status) const {
  if (connected_) notify("READY=1\n" + status_variable(status));
}

void ServiceNotifier::reloading() const {
  if (connected_) notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_us()));
}

void ServiceNotifier::stopping(Duration bound) const {
  if (!connected_) return;
  const auto bound_us = std::chrono::duration_cast<std::chrono::microseconds>(bound).count();
  notify(fmt::format("STOPPING=1\nEXTEND_TIMEOUT_USEC={}\nSTATUS=stopping", bound_us));
}

void ServiceNotifier::status(std::string_view status) const {
  if (connected_) notify(status_variable(status));
}

void ServiceNotifier::alive() const {
  if (connected_) notify("WATCHDOG=1");
}

}  // namespace moult
