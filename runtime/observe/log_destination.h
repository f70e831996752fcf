#pragma once

#include <memory>

#include "runtime/observe/log_line.h"
#include "runtime/observe/log_sink.h"

namespace moult {

/// Where lines end up, and in which form.
class LogDestination {
 public:
  virtual ~LogDestination() = default;

  /// Any thread. May throw std::bad_alloc.
  virtual void format(const LogLine& line, FormattedLine& into) const = 0;

  /// The sink's thread; may block. False if the line is lost.
  virtual bool write(const FormattedLine& line) noexcept = 0;
};

/// Resolves Format::kAuto by what `fd` is.
std::unique_ptr<LogDestination> make_log_destination(LogSinkOptions::Format format, int fd);

std::unique_ptr<LogDestination> make_text_destination(int fd);
std::unique_ptr<LogDestination> make_json_destination(int fd);
std::unique_ptr<LogDestination> make_journal_destination();

/// True if `fd` is the stream named by $JOURNAL_STREAM and the journal's own socket is in reach
/// (in a container that was handed the stream alone it isn't).
bool is_connected_to_journal(int fd);

}  // namespace moult
