#pragma once

#include <map>
#include <memory>

#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/base/time.h"

namespace moult {

struct LogSinkOptions {
  /// kAuto: the journal if `fd` is the stream that systemd connected to it, else text if `fd` is a
  /// terminal, else JSON lines.
  enum class Format { kAuto, kText, kJson, kJournal };

  Format format = Format::kAuto;
  Severity level = Severity::kInfo;
  std::map<Component, Severity> levels;  // what differs from `level`
  int fd = 2;                            // duplicated; the caller may close or replace its own
};

/// How long the destructor waits for the lines written so far.
inline constexpr Milliseconds kLogShutdownBound{2'000};

/// The daemon's log. Lines are formatted by the thread that writes them, queued within the bounds
/// of log_queue_gate.h, and written by one thread of the sink's own; so nobody who logs ever waits
/// for a full disk, a stalled reader or the journal. What the queue or the destination can't take
/// is dropped, counted, and reported in the log at the place where it is missing. Lines of one
/// thread keep their order.
///
/// Only the process that made a sink may use it: a fork()ed child has no thread to write its lines.
class AsyncLogSink : public LogSink {
 public:
  /// Any thread; takes effect on lines that begin afterwards.
  virtual void set_level(Component component, Severity level) noexcept = 0;

  /// Waits until all lines whose write() had returned are written or given up; false if that took
  /// longer than `bound`. Any thread, also in a signal handler (async-signal-safe).
  virtual bool flush(Duration bound) noexcept = 0;
};

/// Fails only for want of memory or threads. A bad `fd` gives a sink that drops its lines. The
/// destructor flushes for kLogShutdownBound; a writing thread that is blocked longer is abandoned.
Result<std::unique_ptr<AsyncLogSink>> make_log_sink(const LogSinkOptions& options);

}  // namespace moult
