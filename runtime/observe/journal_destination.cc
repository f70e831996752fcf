#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// The place of sd_journal_sendv() here says nothing about the line.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <syslog.h>
#include <systemd/sd-journal.h>

#include <array>
#include <cstdlib>
#include <iterator>

#include "runtime/base/check.h"
#include "runtime/observe/escape.h"
#include "runtime/observe/log_destination.h"
#include "runtime/observe/text_fields.h"

namespace moult {
namespace {

constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

// PRIORITY, SYSLOG_IDENTIFIER, MOULT_COMPONENT, MESSAGE, the fields and the count of those left
// out.
constexpr std::size_t kMaxEntries = 4 + kMaxLogFields + 1;

int priority_of(Severity severity) {
  switch (severity) {
    case Severity::kTrace:
    case Severity::kDebug:
      return LOG_DEBUG;
    case Severity::kInfo:
      return LOG_INFO;
    case Severity::kWarning:
      return LOG_WARNING;
    case Severity::kError:
      return LOG_ERR;
    case Severity::kCritical:
      return LOG_CRIT;
  }
  return LOG_ERR;
}

/// The journal takes A–Z, 0–9 and _ alone.
void append_field_name(std::string& out, std::string_view key) {
  out += key == "component" ? "MOULT_FIELD_" : "MOULT_";
  for (const char byte : key.substr(0, kMaxLogKeyBytes)) {
    const bool lower = byte >= 'a' && byte <= 'z';
    const bool kept = (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
    out += lower ? static_cast<char>(byte - 'a' + 'A') : kept ? byte : '_';
  }
}

void append_journal_value(std::string& out, std::string_view value) {
  append_valid_utf8(out, value, kMaxLogValueBytes);
}
template <typename T>
void append_journal_value(std::string& out, T value) {
  fmt::format_to(std::back_inserter(out), "{}", value);
}

/// The journal's own protocol. MESSAGE carries the fields too, because it is all that a plain
/// `journalctl -u` shows; beside it each field is an entry MOULT_<NAME> to select by.
class JournalDestination final : public LogDestination {
 public:
  void format(const LogLine& line, FormattedLine& into) const override {
    std::string& out = into.bytes;
    fmt::format_to(std::back_inserter(out), "PRIORITY={}", priority_of(line.severity));
    into.field_ends.push_back(out.size());
    out += "SYSLOG_IDENTIFIER=moult";
    into.field_ends.push_back(out.size());
    fmt::format_to(std::back_inserter(out), "MOULT_COMPONENT={}", name_of(line.component));
    into.field_ends.push_back(out.size());
    out += "MESSAGE=";
    append_message_and_fields(out, line);
    into.field_ends.push_back(out.size());
    visit_fields(line, [&into](const Field& field) { append_entry(into, field); });
  }

  bool write(const FormattedLine& line) noexcept override {
    MOULT_CHECK(line.field_ends.size() <= kMaxEntries, "too many entries in a journal line");
    std::array<iovec, kMaxEntries> entries{};
    std::size_t count = 0;
    std::size_t begin = 0;
    for (const std::size_t end : line.field_ends) {
      // The call only reads; iovec has no const.
      entries[count++] = {const_cast<char*>(line.bytes.data() + begin), end - begin};
      begin = end;
    }
    return sd_journal_sendv(entries.data(), static_cast<int>(count)) >= 0;
  }

 private:
  static void append_entry(FormattedLine& into, const Field& field) {
    append_field_name(into.bytes, field.key);
    into.bytes += '=';
    std::visit([&into](auto value) { append_journal_value(into.bytes, value); }, field.value);
    into.field_ends.push_back(into.bytes.size());
  }
};

}  // namespace

std::unique_ptr<LogDestination> make_journal_destination() {
  return std::make_unique<JournalDestination>();
}

bool is_connected_to_journal(int fd) {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || ::fstat(fd, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream &&
         ::access(kJournalSocket, W_OK) == 0;
}

}  // namespace moult
