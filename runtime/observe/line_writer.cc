#include "runtime/observe/line_writer.h"

#include <fmt/format.h>

#include <array>
#include <exception>

namespace moult {
namespace {

FormattedLine dropped_line(const LogDestination& destination, std::uint64_t count) {
  const std::string message = fmt::format("{} log lines dropped", count);
  const std::array<Field, 1> fields = {Field("dropped", count)};
  FormattedLine formatted;
  destination.format({.time = std::chrono::system_clock::now(),
                      .component = Component::kApp,
                      .severity = Severity::kWarning,
                      .message = message,
                      .fields = fields},
                     formatted);
  return formatted;
}

}  // namespace

void LineWriter::write(const QueuedLine& queued) noexcept {
  unreported_ += queued.dropped_before;
  report_dropped();
  if (!destination_.write(queued.line)) {
    // Reported once a later line gets through: by then the destination works again.
    ++unreported_;
  } else if (gate_.unfinished() == 1) {
    // The last for now: nobody may come to carry the count of what was dropped behind it.
    finish();
  }
  gate_.finish(queued.line.bytes.size());
}

void LineWriter::finish() noexcept {
  unreported_ += gate_.take_dropped();
  report_dropped();
}

void LineWriter::report_dropped() noexcept {
  if (unreported_ == 0) return;
  try {
    if (destination_.write(dropped_line(destination_, unreported_))) unreported_ = 0;
  } catch (const std::exception&) {
    // No memory to say so: the count stays for the next line.
  }
}

}  // namespace moult
