#include "runtime/observe/log_destination.h"

#include <unistd.h>

#include "runtime/base/check.h"

namespace moult {
namespace {

using Format = LogSinkOptions::Format;

Format format_for(int fd) {
  if (is_connected_to_journal(fd)) return Format::kJournal;
  return ::isatty(fd) == 1 ? Format::kText : Format::kJson;
}

}  // namespace

std::unique_ptr<LogDestination> make_log_destination(Format format, int fd) {
  switch (format == Format::kAuto ? format_for(fd) : format) {
    case Format::kText:
      return make_text_destination(fd);
    case Format::kJson:
      return make_json_destination(fd);
    case Format::kJournal:
      return make_journal_destination();
    case Format::kAuto:
      break;
  }
  MOULT_CHECK(false, "unknown log format");
}

}  // namespace moult
