#include "runtime/observe/log_queue_gate.h"

namespace moult {

bool LogQueueGate::is_open() noexcept {
  if (!full_.load()) return true;
  if (unfinished() > kMaxQueuedLogLines / 2 || bytes_.load() > kMaxQueuedLogBytes / 2) return false;
  full_.store(false);
  return true;
}

std::uint32_t LogQueueGate::unfinished() const noexcept {
  // In this order the difference can't be negative.
  const std::uint32_t finished = finished_.value();
  return admitted_.load() - finished;
}

bool LogQueueGate::admit(std::size_t bytes) noexcept {
  if (admit_bytes(bytes)) {
    if (admit_line()) return true;
    bytes_.fetch_sub(bytes);
  }
  full_.store(true);
  return false;
}

bool LogQueueGate::admit_bytes(std::size_t bytes) noexcept {
  if (bytes_.fetch_add(bytes) + bytes <= kMaxQueuedLogBytes) return true;
  bytes_.fetch_sub(bytes);
  return false;
}

bool LogQueueGate::admit_line() noexcept {
  std::uint32_t admitted = admitted_.load();
  do {
    // Signed, because `admitted` may be out of date already and behind the finished ones; the
    // exchange then fails.
    const auto queued = static_cast<std::int32_t>(admitted - finished_.value());
    if (queued >= static_cast<std::int32_t>(kMaxQueuedLogLines)) return false;
  } while (!admitted_.compare_exchange_weak(admitted, admitted + 1));
  return true;
}

void LogQueueGate::finish(std::size_t bytes) noexcept {
  bytes_.fetch_sub(bytes);
  finished_.advance();
}

std::uint64_t LogQueueGate::take_dropped() noexcept {
  // The common case must not write to a shared cache line.
  return dropped_.load() == 0 ? 0 : dropped_.exchange(0);
}

}  // namespace moult
