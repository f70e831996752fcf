#include "runtime/observe/log_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <simdjson.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/unique_fd.h"
#include "runtime/observe/log_line.h"
#include "runtime/observe/log_queue_gate.h"

namespace moult {
namespace {

using Format = LogSinkOptions::Format;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

constexpr std::chrono::seconds kPatience{30};
constexpr const char* kStamp = "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3} ";

std::unique_ptr<AsyncLogSink> sink_to(int fd, Format format, Severity level = Severity::kTrace) {
  auto sink = make_log_sink({.format = format, .level = level, .levels = {}, .fd = fd});
  EXPECT_TRUE(sink.has_value());
  return std::move(sink).value();
}

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin) + "<no newline>");
  return lines;
}

/// A file without a name, read back from its beginning.
class MemoryFile {
 public:
  int fd() const { return fd_.get(); }
  std::string text() const {
    std::string text;
    std::array<char, 4096> block;
    ssize_t size = 0;
    while ((size = ::pread(fd(), block.data(), block.size(), static_cast<off_t>(text.size()))) >
           0) {
      text.append(block.data(), static_cast<std::size_t>(size));
    }
    return text;
  }
  std::vector<std::string> lines() const { return split_lines(text()); }

 private:
  UniqueFd fd_{::memfd_create("log", MFD_CLOEXEC)};
};

class Pipe {
 public:
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    reader_ = UniqueFd(ends[0]);
    writer_ = UniqueFd(ends[1]);
    EXPECT_GT(::fcntl(writer_.get(), F_SETPIPE_SZ, 4096), 0);
  }
  int writer() const { return writer_.get(); }
  void close_writer() { writer_.reset(); }
  void close_reader() { reader_.reset(); }
  std::string read_to_end() const {
    std::string text;
    std::array<char, 4096> block;
    ssize_t size = 0;
    while ((size = ::read(reader_.get(), block.data(), block.size())) > 0) {
      text.append(block.data(), static_cast<std::size_t>(size));
    }
    return text;
  }

 private:
  UniqueFd reader_;
  UniqueFd writer_;
};

std::string text_line(Logger::Fields fields, std::string_view message = "m") {
  const MemoryFile file;
  {
    const auto sink = sink_to(file.fd(), Format::kText);
    Logger(*sink, Component::kKafka).info(message, fields);
  }
  const auto lines = file.lines();
  EXPECT_EQ(lines.size(), 1u) << file.text();
  return lines.empty() ? "" : lines.front().substr(24);  // behind the time
}

TEST(LogSinkText, WritesTimeLevelComponentMessageAndFields) {
  const MemoryFile file;
  {
    const auto sink = sink_to(file.fd(), Format::kText);
    Logger(*sink, Component::kDispatch)
        .warning("lane stuck",
                 {{"handler", "orders"}, {"partition", 3}, {"lag", 1.5}, {"ok", false}});
  }
  EXPECT_THAT(file.text(),
              MatchesRegex(std::string(kStamp) +
                           "warning dispatch: lane stuck handler=orders partition=3 lag=1.5 "
                           "ok=false\n"));
}

/// The process's time zone while it lives.
class TimeZone {
 public:
  explicit TimeZone(const char* zone) { set(zone); }
  TimeZone(const TimeZone&) = delete;
  TimeZone& operator=(const TimeZone&) = delete;
  ~TimeZone() { set(had_before_ ? before_.c_str() : nullptr); }

 private:
  static void set(const char* zone) {
    zone != nullptr ? ::setenv("TZ", zone, 1) : ::unsetenv("TZ");
    ::tzset();
  }

  const bool had_before_ = ::getenv("TZ") != nullptr;
  const std::string before_ = had_before_ ? ::getenv("TZ") : "";
};

TEST(LogSinkText, ShowsLocalTime) {
  const TimeZone far_from_utc("MOULT-05:30");
  const time_t before = ::time(nullptr);
  const MemoryFile file;
  Logger(*sink_to(file.fd(), Format::kText), Component::kApp).info("m");
  tm parsed{};
  parsed.tm_isdst = -1;
  ASSERT_NE(::strptime(file.text().c_str(), "%Y-%m-%d %H:%M:%S", &parsed), nullptr);
  EXPECT_NEAR(::difftime(::mktime(&parsed), before), 0, 10);
}

TEST(LogSinkText, QuotesValuesThatNeedIt) {
  EXPECT_EQ(text_line({{"a", "x y"}, {"b", ""}, {"c", "x=y"}, {"d", R"(say "x")"}, {"e", "a/b:c"}}),
            R"(info kafka: m a="x y" b="" c="x=y" d="say \"x\"" e=a/b:c)");
}

TEST(LogSinkText, NothingInALineForgesAnother) {
  const std::string forged = "x\n2026-01-01 00:00:00.000 critical app: forged\r\x1b[2J\u202e\u2028";
  const std::string line = text_line({{"v", forged}, {"k\n=x y", "z"}}, forged);
  EXPECT_THAT(line,
              HasSubstr(R"(x\n2026-01-01 00:00:00.000 critical app: forged\r\u001b[2J\u202e)"));
  EXPECT_THAT(line, HasSubstr(" k__x_y=z"));
  for (const char* forbidden : {"\n", "\r", "\x1b", "\u202e", "\u2028"}) {
    EXPECT_THAT(line, Not(HasSubstr(forbidden)));
  }
}

TEST(LogSinkText, ReplacesInvalidUtf8) {
  EXPECT_EQ(text_line({{"v", "a\xFFz"}}, "b\xC3"), "info kafka: b\uFFFD v=\"a\uFFFDz\"");
}

TEST(LogSinkText, ColoursOnlyATerminal) {
  const UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(master);
  ASSERT_EQ(::grantpt(master.get()), 0);
  ASSERT_EQ(::unlockpt(master.get()), 0);
  const UniqueFd terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal);
  Logger(*sink_to(terminal.get(), Format::kAuto), Component::kApp).error("m");
  std::array<char, 256> block;
  const ssize_t size = ::read(master.get(), block.data(), block.size());
  ASSERT_GT(size, 0);
  EXPECT_THAT(std::string(block.data(), static_cast<std::size_t>(size)),
              HasSubstr("\033[1;31merror\033[0m app: m"));
  EXPECT_THAT(text_line({}), Not(HasSubstr("\033")));
}

class LogSinkJson : public testing::Test {
 protected:
  /// Logs one line, checks that exactly one came out, and parses it.
  simdjson::dom::element logged(std::string_view message, std::span<const Field> fields) {
    const MemoryFile file;
    {
      const auto sink = sink_to(file.fd(), Format::kAuto);  // neither journal nor terminal
      Logger(*sink, Component::kLibrdkafka).write(Severity::kError, message, fields);
    }
    const auto lines = file.lines();
    EXPECT_EQ(lines.size(), 1u) << file.text();
    line_ = lines.empty() ? "" : lines.front();
    simdjson::dom::element parsed;
    if (parser_.parse(line_).get(parsed)) throw std::runtime_error("not JSON: " + line_);
    return parsed;
  }
  static std::string text_of(simdjson::dom::element object, const char* key) {
    std::string_view text = "<missing>";
    EXPECT_EQ(object[key].get(text), simdjson::SUCCESS) << key;
    return std::string(text);
  }

  simdjson::dom::parser parser_;
  std::string line_;
};

TEST_F(LogSinkJson, HasFlatTypedKeys) {
  const std::array<Field, 5> fields = {Field("handler", "orders"),
                                       Field("offset", std::numeric_limits<std::int64_t>::min()),
                                       Field("rate", 0.25), Field("stuck", true),
                                       Field("nan", std::numeric_limits<double>::quiet_NaN())};
  const auto object = logged("broker down", fields);
  EXPECT_EQ(text_of(object, "level"), "error");
  EXPECT_EQ(text_of(object, "component"), "librdkafka");
  EXPECT_EQ(text_of(object, "message"), "broker down");
  EXPECT_EQ(text_of(object, "handler"), "orders");
  EXPECT_EQ(std::int64_t(object["offset"]), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(double(object["rate"]), 0.25);
  EXPECT_TRUE(bool(object["stuck"]));
  EXPECT_TRUE(object["nan"].is_null());
}

TEST_F(LogSinkJson, StampsUtcWithMicroseconds) {
  const auto before = std::chrono::system_clock::now();
  const std::string stamp = text_of(logged("m", {}), "time");
  ASSERT_THAT(stamp, MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{6}Z"));
  tm parsed{};
  ASSERT_NE(::strptime(stamp.c_str(), "%Y-%m-%dT%H:%M:%S", &parsed), nullptr);
  EXPECT_NEAR(::difftime(::timegm(&parsed), std::chrono::system_clock::to_time_t(before)), 0, 10);
}

TEST_F(LogSinkJson, EveryByteSurvivesOrIsReplaced) {
  std::string ascii;
  for (int byte = 0; byte < 0x80; ++byte) ascii += static_cast<char>(byte);
  const std::string broken = "a\xFF\xE2\x82z\xED\xA0\x80";
  const std::array<Field, 2> fields = {Field("v\"\n", ascii), Field("broken", broken)};
  const auto object = logged(ascii + "\u0085\u2028ü😀", fields);
  EXPECT_EQ(text_of(object, "message"), ascii + "\u0085\u2028ü😀");
  EXPECT_EQ(text_of(object, "v\"\n"), ascii);
  EXPECT_EQ(text_of(object, "broken"), "a\uFFFD\uFFFDz\uFFFD\uFFFD\uFFFD");
  for (const char byte : line_)
    EXPECT_FALSE(static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F);
}

TEST_F(LogSinkJson, ReservedKeysWin) {
  const std::array<Field, 4> fields = {Field("message", "forged"), Field("level", "trace"),
                                       Field("time", 0), Field("component", "app")};
  const auto object = logged("real", fields);
  EXPECT_EQ(text_of(object, "message"), "real");
  EXPECT_EQ(text_of(object, "level"), "error");
  EXPECT_EQ(text_of(object, "component"), "librdkafka");
  EXPECT_EQ(text_of(object, "field_message"), "forged");
  EXPECT_EQ(text_of(object, "field_component"), "app");
  EXPECT_EQ(std::int64_t(object["field_time"]), 0);
}

TEST_F(LogSinkJson, BoundsALine) {
  const std::string huge(1'000'000, 'x');
  const std::vector<Field> fields(100, Field(huge, huge));
  const auto object = logged(huge, fields);
  EXPECT_EQ(text_of(object, "message").size(), kMaxLogMessageBytes + std::string("…").size());
  EXPECT_EQ(std::int64_t(object["fields_left_out"]), std::int64_t(100 - kMaxLogFields));
  EXPECT_LT(line_.size(), kMaxLogMessageBytes + (kMaxLogFields + 1) * (kMaxLogValueBytes + 100));
}

TEST(LogSink, EachComponentHasItsLevel) {
  const MemoryFile file;
  auto made = make_log_sink({.format = Format::kText,
                             .level = Severity::kWarning,
                             .levels = {{Component::kKafka, Severity::kDebug}},
                             .fd = file.fd()});
  ASSERT_TRUE(made);
  AsyncLogSink& sink = **made;
  EXPECT_FALSE(sink.enabled(Component::kApp, Severity::kInfo));
  EXPECT_TRUE(sink.enabled(Component::kApp, Severity::kWarning));
  EXPECT_TRUE(sink.enabled(Component::kKafka, Severity::kDebug));
  EXPECT_FALSE(sink.enabled(Component::kKafka, Severity::kTrace));
  Logger(sink, Component::kApp).info("hidden");
  Logger(sink, Component::kKafka).info("shown");
  sink.set_level(Component::kApp, Severity::kInfo);
  sink.set_level(Component::kKafka, Severity::kCritical);
  Logger(sink, Component::kApp).info("shown now");
  Logger(sink, Component::kKafka).error("hidden now");
  ASSERT_TRUE(sink.flush(kPatience));
  EXPECT_THAT(file.lines(), ElementsAre(HasSubstr("kafka: shown"), HasSubstr("app: shown now")));
}

/// The number in a field of a text line; without one, throws.
int field_of(const std::string& text, const std::string& name) {
  const std::string before = " " + name + "=";
  return std::stoi(text.substr(text.find(before)).substr(before.size()));
}

TEST(LogSink, EightThreadsKeepTheirOrderAndLoseNothing) {
  constexpr int kThreads = 8;
  constexpr int kLines = kMaxQueuedLogLines / kThreads;
  const MemoryFile file;
  {
    const auto sink = sink_to(file.fd(), Format::kText);
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&sink, thread] {
        const Logger log(*sink, Component::kWorkers);
        for (int line = 0; line < kLines; ++line) {
          log.info("m", {{"thread", thread}, {"line", line}});
          sink->set_level(Component::kWorkers, Severity::kInfo);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_TRUE(sink->flush(kPatience));
  }
  std::array<int, kThreads> next{};
  for (const std::string& text : file.lines()) {
    const auto thread = static_cast<std::size_t>(field_of(text, "thread"));
    ASSERT_EQ(field_of(text, "line"), next.at(thread)++) << text;
  }
  for (const int count : next) EXPECT_EQ(count, kLines);
}

TEST(LogSink, TwoInOneProcessDoNotMix) {
  const MemoryFile first_file;
  const MemoryFile second_file;
  const auto first = sink_to(first_file.fd(), Format::kText);
  {
    const auto second = sink_to(second_file.fd(), Format::kText);
    Logger(*first, Component::kApp).info("one");
    Logger(*second, Component::kApp).info("two");
  }
  Logger(*first, Component::kApp).info("three");
  ASSERT_TRUE(first->flush(kPatience));
  EXPECT_THAT(first_file.lines(), ElementsAre(HasSubstr("one"), HasSubstr("three")));
  EXPECT_THAT(second_file.lines(), ElementsAre(HasSubstr("two")));
}

TEST(LogSink, KeepsItsOwnDescriptor) {
  const MemoryFile file;
  UniqueFd callers(::dup(file.fd()));
  const auto sink = sink_to(callers.get(), Format::kText);
  callers.reset();
  Logger(*sink, Component::kApp).info("still here");
  ASSERT_TRUE(sink->flush(kPatience));
  EXPECT_THAT(file.text(), HasSubstr("still here"));
}

/// Lines shown plus lines reported as dropped.
std::uint64_t accounted_lines(const std::string& text) {
  std::uint64_t lines = 0;
  for (const std::string& line : split_lines(text)) {
    const std::size_t count = line.find("lines dropped dropped=");
    lines += count == std::string::npos ? 1 : std::stoull(line.substr(line.rfind('=') + 1));
  }
  return lines;
}

TEST(LogSink, AStalledReaderBlocksNobodyAndEveryLineIsAccountedFor) {
  constexpr std::uint64_t kLines = std::uint64_t{3} * kMaxQueuedLogLines;
  Pipe pipe;
  auto sink = sink_to(pipe.writer(), Format::kText);
  pipe.close_writer();
  const Logger log(*sink, Component::kApp);
  for (std::uint64_t line = 0; line < kLines; ++line) log.info("m", {{"line", line}});
  EXPECT_FALSE(sink->flush(Milliseconds(20)));
  std::string text;
  std::thread reader([&] { text = pipe.read_to_end(); });
  EXPECT_TRUE(sink->flush(kPatience));
  log.info("goes on");
  EXPECT_TRUE(sink->flush(kPatience));
  sink.reset();
  reader.join();
  EXPECT_EQ(accounted_lines(text), kLines + 1);
  EXPECT_THAT(text, HasSubstr("log lines dropped"));
  EXPECT_THAT(split_lines(text).back(), HasSubstr("goes on"));
}

TEST(LogSink, AnOverloadGivesFewReports) {
  Pipe pipe;
  auto sink = sink_to(pipe.writer(), Format::kText);
  pipe.close_writer();
  std::string text;
  std::thread reader([&] { text = pipe.read_to_end(); });
  constexpr std::uint64_t kLines = 100'000;
  const Logger log(*sink, Component::kApp);
  for (std::uint64_t line = 0; line < kLines; ++line) log.info("m", {{"line", line}});
  EXPECT_TRUE(sink->flush(kPatience));
  sink.reset();
  reader.join();
  EXPECT_EQ(accounted_lines(text), kLines);
  std::size_t reports = 0;
  for (const std::string& line : split_lines(text)) reports += line.ends_with("dropped=1");
  EXPECT_LT(reports, 50u);
}

TEST(LogSink, StopsWithinItsBoundWhileTheReaderStalls) {
  Pipe pipe;
  auto sink = sink_to(pipe.writer(), Format::kText);
  const Logger log(*sink, Component::kApp);
  for (int line = 0; line < 1'000; ++line) log.info("m");
  const auto begin = Clock::now();
  sink.reset();
  const auto took = Clock::now() - begin;
  EXPECT_GE(took, kLogShutdownBound);
  EXPECT_LT(took, kPatience) << "the reader stalls for ever";
  pipe.close_reader();  // lets the abandoned thread end
}

TEST(LogSink, AFullDiskLosesLinesAndNothingElse) {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  const auto sink = sink_to(full.get(), Format::kJson);
  for (int line = 0; line < 100; ++line) Logger(*sink, Component::kApp).info("m");
  EXPECT_TRUE(sink->flush(kPatience));
}

TEST(LogSink, ABadDescriptorLosesLinesAndNothingElse) {
  const auto sink = sink_to(-1, Format::kAuto);
  Logger(*sink, Component::kApp).info("m");
  EXPECT_TRUE(sink->flush(kPatience));
}

TEST(LogSink, ReportsWhatAReaderMissedWhenItIsBack) {
  std::array<char, 32> folder = {"/tmp/moult_log_XXXXXX"};
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = std::string(folder.data()) + "/fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  UniqueFd writer(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const auto sink = sink_to(writer.get(), Format::kText);
  const Logger log(*sink, Component::kApp);
  reader.reset();  // every write is EPIPE and SIGPIPE now
  for (int line = 0; line < 3; ++line) log.info("missed");
  ASSERT_TRUE(sink->flush(kPatience));
  reader = UniqueFd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  log.info("seen");
  ASSERT_TRUE(sink->flush(kPatience));
  std::array<char, 1024> block;
  const ssize_t size = ::read(reader.get(), block.data(), block.size());
  ASSERT_GT(size, 0);
  EXPECT_THAT(split_lines(std::string(block.data(), static_cast<std::size_t>(size))),
              ElementsAre(HasSubstr("3 log lines dropped"), HasSubstr("seen")));
  ::unlink(path.c_str());
  ::rmdir(folder.data());
}

TEST(LogSink, ATornLineIsNotGluedToTheNext) {
  const MemoryFile file;
  const auto sink = sink_to(file.fd(), Format::kText);
  const Logger log(*sink, Component::kApp);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small = {40, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);  // a write past it is cut short, then SIGXFSZ
  log.info("this line doesn't fit into forty bytes");
  const bool flushed = sink->flush(kPatience);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_TRUE(flushed);
  log.info("whole");
  ASSERT_TRUE(sink->flush(kPatience));
  EXPECT_THAT(file.lines(),
              ElementsAre(MatchesRegex(std::string(kStamp) + "info app: .*"),
                          MatchesRegex(std::string(kStamp) + "warning app: 1 log lines dropped.*"),
                          MatchesRegex(std::string(kStamp) + "info app: whole")));
}

/// Where the handler below finds what to flush.
volatile std::sig_atomic_t flushed_in_handler = 0;
AsyncLogSink* sink_of_handler = nullptr;

TEST(LogSink, FlushesInASignalHandler) {
  const MemoryFile file;
  const auto sink = sink_to(file.fd(), Format::kText);
  sink_of_handler = sink.get();
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) { flushed_in_handler = sink_of_handler->flush(kPatience) ? 1 : -1; };
  ASSERT_EQ(::sigaction(SIGUSR2, &action, &before), 0);
  for (int line = 0; line < 1'000; ++line) Logger(*sink, Component::kApp).info("m");
  ::raise(SIGUSR2);
  ASSERT_EQ(::sigaction(SIGUSR2, &before, nullptr), 0);
  EXPECT_EQ(flushed_in_handler, 1);
  EXPECT_EQ(file.lines().size(), 1'000u);
}

// The sanitizers' own allocators don't live with a limit of the address space.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

std::size_t address_space_bytes() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Takes all the memory there is down to the smallest block; returns the blocks as a list.
void* exhaust_memory() {
  void* blocks = nullptr;
  for (std::size_t size = 1 << 20; size >= 16; size /= 2) {
    while (void* const block = ::malloc(size)) {
      *static_cast<void**>(block) = blocks;
      blocks = block;
    }
  }
  return blocks;
}

void give_back_memory(void* blocks) {
  while (blocks != nullptr) {
    void* const next = *static_cast<void**>(blocks);
    ::free(blocks);
    blocks = next;
  }
}

[[noreturn]] void log_without_memory(int fd) {
  const auto sink = sink_to(fd, Format::kText);
  const Logger log(*sink, Component::kApp);
  const std::string message(2'000, 'x');
  log.info("before");
  if (!sink->flush(kPatience)) ::_exit(1);
  const rlimit limit = {address_space_bytes(), RLIM_INFINITY};
  if (::setrlimit(RLIMIT_AS, &limit) != 0) ::_exit(2);
  void* const blocks = exhaust_memory();
  for (int line = 0; line < 5; ++line) log.info(message);
  give_back_memory(blocks);
  log.info("after");
  ::_exit(sink->flush(kPatience) ? 0 : 3);
}

TEST(LogSink, WithoutMemoryLinesAreDroppedAndCounted) {
  const MemoryFile file;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) log_without_memory(file.fd());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_THAT(file.lines(), ElementsAre(HasSubstr("before"), HasSubstr("5 log lines dropped"),
                                        HasSubstr("after")));
}

#endif

}  // namespace
}  // namespace moult
