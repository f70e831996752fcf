#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "runtime/base/unique_fd.h"
#include "runtime/observe/log_sink.h"

namespace moult {
namespace {

using Entries = std::map<std::string, std::string>;
using Format = LogSinkOptions::Format;
using testing::Contains;
using testing::HasSubstr;
using testing::Key;
using testing::Not;
using testing::Pair;

constexpr std::chrono::seconds kJournalPatience{30};

/// Reads a datagram of the journal's protocol: `NAME=value\n`, or `NAME\n`, the length of the value
/// as 64 bits little-endian, the value and `\n`.
std::optional<Entries> parse_datagram(std::string_view rest) {
  Entries entries;
  while (!rest.empty()) {
    const std::size_t name_end = rest.find_first_of("=\n");
    if (name_end == std::string_view::npos) return std::nullopt;
    const std::string name(rest.substr(0, name_end));
    const bool binary = rest[name_end] == '\n';
    rest.remove_prefix(name_end + 1);
    std::uint64_t size = 0;
    if (binary) {
      if (rest.size() < sizeof size) return std::nullopt;
      std::memcpy(&size, rest.data(), sizeof size);  // the tests' machines are little-endian
      rest.remove_prefix(sizeof size);
    } else {
      size = rest.find('\n');
    }
    if (size >= rest.size() || rest[size] != '\n') return std::nullopt;
    if (!entries.emplace(name, rest.substr(0, size)).second) return std::nullopt;
    rest.remove_prefix(size + 1);
  }
  return entries;
}

/// What of making a private /run with a journal in it failed, or nothing.
const char* make_private_run() {
  if (::unshare(CLONE_NEWNS) != 0) return "unshare(CLONE_NEWNS)";
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return "mount(MS_PRIVATE)";
  if (::mount("tmpfs", "/run", "tmpfs", 0, nullptr) != 0) return "mount(/run)";
  if (::mkdir("/run/systemd", 0755) != 0) return "mkdir(/run/systemd)";
  if (::mkdir("/run/systemd/journal", 0755) != 0) return "mkdir(/run/systemd/journal)";
  return nullptr;
}

UniqueFd bind_journal() {
  UniqueFd journal(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, "/run/systemd/journal/socket");
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(journal.get(), generic, sizeof address) != 0) journal.reset();
  return journal;
}

/// In the child: runs `log` in a world with its own journal and passes on what that received.
[[noreturn]] void run_child(int answer, bool with_journal, const std::function<void()>& log) {
  const auto fail = [](const char* what) {
    std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
    ::_exit(1);
  };
  if (const char* const failed = make_private_run()) fail(failed);
  const UniqueFd journal = with_journal ? bind_journal() : UniqueFd();
  if (with_journal && !journal) fail("bind");
  log();
  std::array<char, 65'536> datagram;
  const ssize_t size =
      with_journal ? ::recv(journal.get(), datagram.data(), datagram.size(), MSG_DONTWAIT) : 0;
  if (size > 0 && ::write(answer, datagram.data(), static_cast<std::size_t>(size)) != size) {
    fail("write");
  }
  ::_exit(0);
}

/// The first datagram that a journal gets when `log` runs in a process of its own; empty if none.
std::string journal_gets(const std::function<void()>& log, bool with_journal = true) {
  if (::geteuid() != 0) {
    ADD_FAILURE() << "needs root, for a mount namespace with a journal socket of its own";
    return "";
  }
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) run_child(writer.get(), with_journal, log);
  writer.reset();
  std::string answer;
  std::array<char, 4096> block;
  ssize_t size = 0;
  while ((size = ::read(reader.get(), block.data(), block.size())) > 0) {
    answer.append(block.data(), static_cast<std::size_t>(size));
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "see the child's message above";
  return answer;
}

void log_to(Format format, int fd, Severity severity, std::string_view message,
            Logger::Fields fields) {
  const auto sink =
      make_log_sink({.format = format, .level = Severity::kTrace, .levels = {}, .fd = fd});
  if (!sink) ::_exit(2);
  Logger(**sink, Component::kHandler).write(severity, message, {fields.begin(), fields.size()});
  if (!(*sink)->flush(kJournalPatience)) ::_exit(3);
}

Entries journalled(Severity severity, std::string_view message, Logger::Fields fields) {
  const auto entries =
      parse_datagram(journal_gets([&] { log_to(Format::kJournal, 2, severity, message, fields); }));
  EXPECT_TRUE(entries.has_value());
  return entries.value_or(Entries{});
}

TEST(LogJournal, SendsMessagePriorityAndFields) {
  const Entries entries = journalled(Severity::kWarning, "lane stuck",
                                     {{"handler", "orders"},
                                      {"partition", 3},
                                      {"build-id", "ab cd"},
                                      {"stuck", true},
                                      {"lag", 0.5}});
  EXPECT_EQ(entries,
            (Entries{{"PRIORITY", "4"},
                     {"SYSLOG_IDENTIFIER", "moult"},
                     {"MOULT_COMPONENT", "handler"},
                     {"MESSAGE",
                      "lane stuck handler=orders partition=3 build-id=\"ab cd\" stuck=true "
                      "lag=0.5"},
                     {"MOULT_HANDLER", "orders"},
                     {"MOULT_PARTITION", "3"},
                     {"MOULT_BUILD_ID", "ab cd"},
                     {"MOULT_STUCK", "true"},
                     {"MOULT_LAG", "0.5"}}));
}

TEST(LogJournal, MapsSeveritiesToPriorities) {
  const std::map<Severity, std::string> priorities = {
      {Severity::kTrace, "7"},   {Severity::kDebug, "7"}, {Severity::kInfo, "6"},
      {Severity::kWarning, "4"}, {Severity::kError, "3"}, {Severity::kCritical, "2"}};
  for (const auto& [severity, priority] : priorities) {
    EXPECT_THAT(journalled(severity, "m", {}), Contains(Pair("PRIORITY", priority)));
  }
}

TEST(LogJournal, AFieldsContentForgesNoOtherField) {
  const Entries entries = journalled(Severity::kInfo, "m\nPRIORITY=0",
                                     {{"value", "x\nPRIORITY=0\nMOULT_HANDLER=forged"},
                                      {"a\nPRIORITY=0\nb", 1},
                                      {"component", "app"}});
  EXPECT_THAT(entries, Contains(Pair("PRIORITY", "6")));
  EXPECT_THAT(entries, Not(Contains(Key("MOULT_HANDLER"))));
  EXPECT_THAT(entries, Contains(Pair("MOULT_VALUE", "x\nPRIORITY=0\nMOULT_HANDLER=forged")));
  EXPECT_THAT(entries, Contains(Pair("MOULT_A_PRIORITY_0_B", "1")));
  EXPECT_THAT(entries, Contains(Pair("MOULT_COMPONENT", "handler")));
  EXPECT_THAT(entries, Contains(Pair("MOULT_FIELD_COMPONENT", "app")));
  EXPECT_THAT(entries, Contains(Pair("MESSAGE", HasSubstr(R"(m\nPRIORITY=0 value=)"))));
}

TEST(LogJournal, ReplacesInvalidUtf8) {
  EXPECT_THAT(journalled(Severity::kInfo, "m", {{"v", "a\xFFz"}}),
              Contains(Pair("MOULT_V", "a\uFFFDz")));
}

/// Logs with Format::kAuto to a file that $JOURNAL_STREAM names, or another one; the file's text
/// goes to `text_fd`.
void log_auto(int file, bool stream_matches) {
  struct stat status {};
  if (::fstat(file, &status) != 0) ::_exit(4);
  const std::string stream = std::to_string(status.st_dev) + ":" +
                             std::to_string(status.st_ino + (stream_matches ? 0 : 1));
  ::setenv("JOURNAL_STREAM", stream.c_str(), 1);
  log_to(Format::kAuto, file, Severity::kInfo, "auto", {});
}

class LogJournalAuto : public testing::Test {
 protected:
  off_t file_size() const { return ::lseek(file_.get(), 0, SEEK_END); }

  UniqueFd file_{::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
};

TEST_F(LogJournalAuto, IsTheJournalWhereTheStreamMatches) {
  const std::string datagram = journal_gets([&] { log_auto(file_.get(), true); });
  EXPECT_THAT(parse_datagram(datagram).value_or(Entries{}), Contains(Pair("MESSAGE", "auto")));
  EXPECT_EQ(file_size(), 0);
}

TEST_F(LogJournalAuto, IsTheDescriptorWhereTheStreamIsAnother) {
  EXPECT_EQ(journal_gets([&] { log_auto(file_.get(), false); }), "");
  EXPECT_GT(file_size(), 0);
}

TEST_F(LogJournalAuto, IsTheDescriptorWhereTheJournalIsOutOfReach) {
  EXPECT_EQ(journal_gets([&] { log_auto(file_.get(), true); }, false), "");
  EXPECT_GT(file_size(), 0);
}

}  // namespace
}  // namespace moult
