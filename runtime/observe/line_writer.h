#pragma once

#include <cstdint>

#include "runtime/observe/log_destination.h"
#include "runtime/observe/log_queue_gate.h"

namespace moult {

/// A line on its way through the queue, with the number of lines dropped just before it.
struct QueuedLine {
  FormattedLine line;
  std::uint64_t dropped_before = 0;
};

/// Writes the queued lines to their destination, and "N log lines dropped" where some are missing.
/// Owned by the sink's thread.
class LineWriter {
 public:
  LineWriter(LogDestination& destination, LogQueueGate& gate)
      : destination_(destination), gate_(gate) {}

  void write(const QueuedLine& queued) noexcept;

  /// Reports what was dropped after the last line.
  void finish() noexcept;

 private:
  void report_dropped() noexcept;

  LogDestination& destination_;
  LogQueueGate& gate_;
  std::uint64_t unreported_ = 0;  // counts lines that failed to be written as well
};

}  // namespace moult
