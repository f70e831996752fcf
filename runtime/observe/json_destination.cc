#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "runtime/observe/escape.h"
#include "runtime/observe/fd_line_writer.h"
#include "runtime/observe/log_destination.h"

namespace moult {
namespace {

constexpr std::array<std::string_view, 4> kReservedKeys = {"time", "level", "component", "message"};

/// ISO 8601, UTC, microseconds.
void append_utc_time(std::string& out, std::chrono::system_clock::time_point time) {
  const auto us = std::chrono::floor<std::chrono::microseconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(us);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(us - day);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                 clock.seconds().count(), clock.subseconds().count());
}

void append_string(std::string& out, std::string_view text, std::size_t max_bytes) {
  out += '"';
  append_escaped(out, text, Quotes::kEscape, max_bytes);
  out += '"';
}

void append_json_value(std::string& out, std::string_view value) {
  append_string(out, value, kMaxLogValueBytes);
}
void append_json_value(std::string& out, bool value) { out += value ? "true" : "false"; }
void append_json_value(std::string& out, std::int64_t value) {
  fmt::format_to(std::back_inserter(out), "{}", value);
}
void append_json_value(std::string& out, double value) {
  // JSON has neither NaN nor infinities.
  if (!std::isfinite(value)) {
    out += "null";
  } else {
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
}

void append_field(std::string& out, const Field& field) {
  const bool reserved =
      std::find(kReservedKeys.begin(), kReservedKeys.end(), field.key) != kReservedKeys.end();
  out += reserved ? ",\"field_" : ",\"";
  append_escaped(out, field.key, Quotes::kEscape, kMaxLogKeyBytes);
  out += "\":";
  std::visit([&out](auto value) { append_json_value(out, value); }, field.value);
}

/// One JSON object a line for programs. Fields are keys of their own; one that is named like a
/// reserved key gets the prefix `field_`.
class JsonDestination final : public LogDestination {
 public:
  explicit JsonDestination(int fd) : writer_(fd) {}

  void format(const LogLine& line, FormattedLine& into) const override {
    std::string& out = into.bytes;
    out += R"({"time":")";
    append_utc_time(out, line.time);
    out += R"(","level":")";
    out += name_of(line.severity);
    out += R"(","component":")";
    out += name_of(line.component);
    out += R"(","message":)";
    append_string(out, line.message, kMaxLogMessageBytes);
    visit_fields(line, [&out](const Field& field) { append_field(out, field); });
    out += "}\n";
  }

  bool write(const FormattedLine& line) noexcept override { return writer_.write(line.bytes); }

 private:
  FdLineWriter writer_;
};

}  // namespace

std::unique_ptr<LogDestination> make_json_destination(int fd) {
  return std::make_unique<JsonDestination>(fd);
}

}  // namespace moult
