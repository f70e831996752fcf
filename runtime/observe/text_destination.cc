#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <iterator>

#include "runtime/observe/escape.h"
#include "runtime/observe/fd_line_writer.h"
#include "runtime/observe/log_destination.h"
#include "runtime/observe/text_fields.h"

namespace moult {
namespace {

constexpr std::string_view kResetColour = "\033[0m";

std::string_view colour_of(Severity severity) {
  switch (severity) {
    case Severity::kTrace:
    case Severity::kDebug:
      return "\033[2m";
    case Severity::kInfo:
      return "\033[32m";
    case Severity::kWarning:
      return "\033[33m";
    case Severity::kError:
    case Severity::kCritical:
      return "\033[1;31m";
  }
  return kResetColour;
}

bool wants_colours(int fd) {
  const char* const no_color = std::getenv("NO_COLOR");
  return ::isatty(fd) == 1 && (no_color == nullptr || *no_color == '\0');
}

void append_local_time(std::string& out, std::chrono::system_clock::time_point time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(ms);
  const time_t since_epoch = std::chrono::system_clock::to_time_t(seconds);
  tm local{};
  ::localtime_r(&since_epoch, &local);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}",
                 local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min,
                 local.tm_sec, (ms - seconds).count());
}

/// One line for people: `2026-03-01 12:00:00.123 warning kafka: message key=value`.
class TextDestination final : public LogDestination {
 public:
  explicit TextDestination(int fd) : colours_(wants_colours(fd)), writer_(fd) {}

  void format(const LogLine& line, FormattedLine& into) const override {
    std::string& out = into.bytes;
    append_local_time(out, line.time);
    out += ' ';
    append_severity(out, line.severity);
    out += ' ';
    out += name_of(line.component);
    out += ": ";
    append_message_and_fields(out, line);
    out += '\n';
  }

  bool write(const FormattedLine& line) noexcept override { return writer_.write(line.bytes); }

 private:
  void append_severity(std::string& out, Severity severity) const {
    if (colours_) out += colour_of(severity);
    out += name_of(severity);
    if (colours_) out += kResetColour;
  }

  const bool colours_;
  FdLineWriter writer_;
};

}  // namespace

std::unique_ptr<LogDestination> make_text_destination(int fd) {
  return std::make_unique<TextDestination>(fd);
}

}  // namespace moult
