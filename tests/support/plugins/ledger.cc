// The handler of the integration tests: writes what reaches it to a file, and misbehaves on demand.
//
// The ledger. One line an event, columns separated by one space, `-` where a column has no meaning:
//   1 event       create, assigned, begin, record, failed, cancelled, end, revoked, destroy
//   2 pid
//   3 tag         the settings' "tag", which names the generation
//   4 topic
//   5 partition
//   6 epoch
//   7 offset      of the record (record, failed, cancelled) or of the batch's first (begin, end)
//   8 start       monotonic clock, ns; of the whole call in `end` and `revoked`
//   9 end         monotonic clock, ns; the same as start for events that take no time
//  10 attempt     of the record, or of the batch's first in `begin` and `end`
//  11 key         bytes outside of '!' … '~' as '_', at most 64; "%" for an empty key; `-` for none
//  12 sequence    digits at the start of the value, or behind `"seq":` in it; else `-`
//  13 detail      the last offset (begin, end); throw or the outcome (failed); the reason as
//                 moult.h numbers it (revoked); else `-`
//  14 instance    a number of the object, new for each of its generation in its process
// `record` says that the record was handled to its end, so its outcome was ok. `failed` ends its
// batch, as does `cancelled`: a hanging call that was told to give up. `begin` is written when the
// batch starts; all other lines of a batch by one write() at its end, before consume returns. The
// file is opened with O_APPEND, so that many lanes and processes may share it. Each write() begins
// with an empty line: a kill can cut the one before short.
//
// Settings: {"ledger": "/path"} and, all optional:
//   tag                  text without spaces, default "-", or what the plugin was built with
//   sleep_us_per_record  sleep_ms_per_batch (before its first record)  delay_revoked_ms
//   hang_on_offset       blocks until cancelled; with "ignore_cancel": true for ever
//   hang_times           for its first attempts alone; default 0: all
//   fail_offset          outcome `fail_as` for its first `fail_times` (default 1; 0: all) attempts
//   fail_key             the same for every record of this key
//   fail_all             true: the same for every record
//   fail_every           the same for every so manieth offset
//   fail_as              retry (default), dead_letter, skip or stop, with error code 7
//   throw_offset         an exception for its first `fail_times` attempts
//   throw_as             error (default), dead_letter or fatal: which one
//   crash_offset         ends the process
//   crash_as             segv (default), abort, terminate or exit: how
//   fail_goes_on         true: the records behind one that is retried are handled all the same
//   fail_partition       restricts hanging, failing, throwing and crashing to one partition
//   fail_until           a path: once that file exists nothing fails or hangs any more
//   fail_create          true: the constructor throws, after the line `create`
//   delay_create_ms      behind that line
//   produce_to           a topic: each record is produced there, with its key and value, and with
//                        its topic, partition and offset as the headers t, p and o
//   produce_tied         true: and is finished only when that was delivered
#include <fcntl.h>
#include <simdjson.h>
#include <time.h>
#include <unistd.h>
#include <moult/moult.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

// A plugin of several versions, for the tests of deployments.
#ifndef LEDGER_VERSION
#define LEDGER_VERSION "1.0.0"
#define LEDGER_TAG "-"
#endif

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::int64_t kNone = -1;
constexpr std::size_t kMaxKey = 64;
constexpr int kErrorCode = 7;

std::uint64_t next_instance() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

struct Settings {
  explicit Settings(const std::string& json) {
    const simdjson::dom::element all = parser.parse(json);
    ledger = std::string_view(all["ledger"]);
    std::string_view text;
    if (all["tag"].get(text) == simdjson::SUCCESS) tag = text;
    number(all, "sleep_us_per_record", sleep_us_per_record);
    number(all, "sleep_ms_per_batch", sleep_ms_per_batch);
    number(all, "delay_create_ms", delay_create_ms);
    number(all, "delay_revoked_ms", delay_revoked_ms);
    number(all, "hang_on_offset", hang_on_offset);
    number(all, "hang_times", hang_times);
    number(all, "fail_offset", fail_offset);
    number(all, "fail_times", fail_times);
    number(all, "throw_offset", throw_offset);
    number(all, "crash_offset", crash_offset);
    number(all, "fail_partition", fail_partition);
    flag(all, "ignore_cancel", ignore_cancel);
    flag(all, "fail_goes_on", fail_goes_on);
    flag(all, "fail_create", fail_create);
    flag(all, "fail_all", fail_all);
    number(all, "fail_every", fail_every);
    flag(all, "produce_tied", produce_tied);
    word(all, "fail_key", fail_key);
    word(all, "fail_as", fail_as);
    word(all, "throw_as", throw_as);
    word(all, "crash_as", crash_as);
    word(all, "fail_until", fail_until);
    word(all, "produce_to", produce_to);
  }

  std::string ledger;
  std::string tag = LEDGER_TAG;
  std::int64_t sleep_us_per_record = 0;
  std::int64_t sleep_ms_per_batch = 0;
  std::int64_t delay_create_ms = 0;
  std::int64_t delay_revoked_ms = 0;
  std::int64_t hang_on_offset = kNone;
  std::int64_t hang_times = 0;
  std::int64_t fail_offset = kNone;
  std::int64_t fail_times = 1;
  std::int64_t throw_offset = kNone;
  std::int64_t crash_offset = kNone;
  std::int64_t fail_partition = kNone;
  bool ignore_cancel = false;
  bool fail_goes_on = false;
  bool fail_create = false;
  bool fail_all = false;
  std::int64_t fail_every = 0;
  bool produce_tied = false;
  std::string fail_key;
  std::string fail_as = "retry";
  std::string throw_as = "error";
  std::string crash_as = "segv";
  std::string fail_until;
  std::string produce_to;

 private:
  // A wrong type is an error: a test that misspells a setting must not pass by luck.
  template <typename T>
  static void read(simdjson::dom::element all, const char* name, T& into) {
    const simdjson::error_code error = all[name].get(into);
    if (error != simdjson::SUCCESS && error != simdjson::NO_SUCH_FIELD) {
      throw std::runtime_error(std::string(name) + ": " + simdjson::error_message(error));
    }
  }
  static void number(simdjson::dom::element all, const char* name, std::int64_t& into) {
    read(all, name, into);
  }
  static void flag(simdjson::dom::element all, const char* name, bool& into) {
    read(all, name, into);
  }
  static void word(simdjson::dom::element all, const char* name, std::string& into) {
    std::string_view text(into);
    read(all, name, text);
    into = std::string(text);
  }

  simdjson::dom::parser parser;
};

std::string shown_key(const moult::Record& record) {
  if (!record.has_key()) return "-";
  if (record.key().empty()) return "%";
  std::string shown(record.key().substr(0, kMaxKey));
  for (char& c : shown) {
    if (c < '!' || c > '~') c = '_';
  }
  return shown;
}

std::string shown_sequence(std::string_view value) {
  constexpr std::string_view kField = "\"seq\":";
  if (const std::size_t at = value.find(kField); at != value.npos) {
    value.remove_prefix(at + kField.size());
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  }
  const std::size_t digits = std::min(value.find_first_not_of("0123456789"), value.size());
  return digits == 0 ? "-" : std::string(value.substr(0, digits));
}

struct Columns {
  std::string offset = "-";
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::string attempt = "-";
  std::string key = "-";
  std::string sequence = "-";
  std::string detail = "-";
};

class LedgerHandler : public moult::Handler {
 public:
  explicit LedgerHandler(const moult::Context& context)
      : context_(context), settings_(context.settings()) {
    fd_ = ::open(settings_.ledger.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), settings_.ledger);
    write_event("create", "-");
    std::this_thread::sleep_for(milliseconds(settings_.delay_create_ms));
    if (!settings_.fail_create) return;
    ::close(fd_);
    throw std::runtime_error("told to fail by fail_create");
  }

  ~LedgerHandler() override {
    write_event("destroy", "-");
    ::close(fd_);
  }

  void assigned() override { write_event("assigned", "-"); }

  void revoked(moult::Reason reason, milliseconds) override {
    const std::int64_t start = now_ns();
    std::this_thread::sleep_for(milliseconds(settings_.delay_revoked_ms));
    Columns columns;
    columns.start = start;
    columns.end = now_ns();
    columns.detail = std::to_string(static_cast<std::uint32_t>(reason));
    write(line("revoked", columns));
  }

  void consume(const moult::Batch& batch) override {
    if (batch.empty()) return;
    Columns whole = columns_of_batch(batch);
    write(line("begin", whole));
    std::this_thread::sleep_for(milliseconds(settings_.sleep_ms_per_batch));
    std::string lines;
    Ending ending = Ending::kReturns;
    for (const moult::Record& record : batch.one_by_one()) {
      if (!handle(batch, record, lines, ending)) break;
    }
    whole.end = now_ns();
    lines += line("end", whole);
    write(lines);
    if (ending == Ending::kCancelled) throw std::runtime_error("cancelled");
    if (ending == Ending::kThrows) throw_as_told();
  }

 private:
  enum class Ending { kReturns, kCancelled, kThrows };

  /// False when the batch ends here.
  bool handle(const moult::Batch& batch, const moult::Record& record, std::string& lines,
              Ending& ending) {
    Columns columns;
    columns.offset = std::to_string(record.offset());
    columns.start = now_ns();
    columns.attempt = std::to_string(record.attempt());
    columns.key = shown_key(record);
    columns.sequence = shown_sequence(record.value());
    if (is_at(settings_.crash_offset, record) && still_fails(record)) crash();
    const bool given_up = hangs(record) && hang();
    const bool throws = is_at(settings_.throw_offset, record) && still_fails(record);
    const bool fails = !throws && is_to_fail(record) && still_fails(record);
    if (settings_.sleep_us_per_record > 0) {
      std::this_thread::sleep_for(microseconds(settings_.sleep_us_per_record));
    }
    columns.end = now_ns();
    if (throws || fails) columns.detail = throws ? "throw" : settings_.fail_as;
    const char* event = given_up ? "cancelled" : throws || fails ? "failed" : "record";
    lines += line(event, columns);
    if (given_up) ending = Ending::kCancelled;
    if (throws) ending = Ending::kThrows;
    if (given_up || throws) return false;
    if (fails) return fail(batch, record);
    if (!settings_.produce_to.empty()) produce(batch, record);
    return true;
  }

  /// False when the batch ends here.
  bool fail(const moult::Batch& batch, const moult::Record& record) const {
    const std::string message = "told to fail by fail_offset";
    if (settings_.fail_as == "dead_letter") {
      batch.dead_letter(record, message, kErrorCode);
      return true;
    }
    if (settings_.fail_as == "skip") {
      batch.skip(record, message, kErrorCode);
      return true;
    }
    if (settings_.fail_as == "stop") {
      batch.stop(record, message, kErrorCode);
    } else {
      batch.retry(record, message, {}, kErrorCode);
    }
    return settings_.fail_goes_on;
  }

  [[noreturn]] void crash() const {
    if (settings_.crash_as == "abort") std::abort();
    if (settings_.crash_as == "terminate") std::terminate();
    if (settings_.crash_as == "exit") std::exit(0);
    ::raise(SIGSEGV);
    std::abort();
  }

  [[noreturn]] void throw_as_told() const {
    const std::string message = "told to throw by throw_offset";
    if (settings_.throw_as == "dead_letter") throw moult::DeadLetter(message, kErrorCode);
    if (settings_.throw_as == "fatal") throw moult::Fatal(message, kErrorCode);
    throw std::runtime_error(message);
  }

  /// What the host does not take at once fails the record.
  void produce(const moult::Batch& batch, const moult::Record& record) const {
    const std::string partition = std::to_string(context_.lane().partition);
    const std::string offset = std::to_string(record.offset());
    moult::Message message{settings_.produce_to};
    if (record.has_key()) message.key = record.key();
    if (!record.is_tombstone()) message.value = record.value();
    message.headers = {{"t", context_.lane().topic}, {"p", partition}, {"o", offset}};
    const moult::Produced produced =
        settings_.produce_tied ? context_.produce_for(record, message) : context_.produce(message);
    if (produced != moult::Produced::kQueued) batch.retry(record, "not taken by produce");
  }

  bool is_here() const {
    return settings_.fail_partition == kNone ||
           settings_.fail_partition == context_.lane().partition;
  }

  bool is_at(std::int64_t offset, const moult::Record& record) const {
    return is_here() && offset != kNone && record.offset() == offset;
  }

  bool is_to_fail(const moult::Record& record) const {
    const bool by_key = !settings_.fail_key.empty() && record.key() == settings_.fail_key;
    const bool by_number =
        settings_.fail_every > 0 && (record.offset() + 1) % settings_.fail_every == 0;
    return is_at(settings_.fail_offset, record) ||
           (is_here() && (by_key || by_number || settings_.fail_all));
  }

  bool still_fails(const moult::Record& record) const {
    const bool again = settings_.fail_times == 0 || record.attempt() <= settings_.fail_times;
    return again && !healed();
  }

  bool healed() const {
    return !settings_.fail_until.empty() && ::access(settings_.fail_until.c_str(), F_OK) == 0;
  }

  bool hangs(const moult::Record& record) const {
    const bool again = settings_.hang_times == 0 || record.attempt() <= settings_.hang_times;
    return again && is_at(settings_.hang_on_offset, record);
  }

  /// True when the host gave up on this call.
  bool hang() const {
    while (settings_.ignore_cancel || !context_.cancelled()) {
      if (healed()) return false;
      std::this_thread::sleep_for(milliseconds(1));
    }
    return true;
  }

  static Columns columns_of_batch(const moult::Batch& batch) {
    Columns columns;
    columns.offset = std::to_string(batch[0].offset());
    columns.start = columns.end = now_ns();
    columns.attempt = std::to_string(batch[0].attempt());
    columns.detail = std::to_string(batch[batch.size() - 1].offset());
    return columns;
  }

  std::string line(const char* event, const Columns& columns) const {
    const moult::Lane& lane = context_.lane();
    std::string text(event);
    for (const std::string& column :
         {std::to_string(::getpid()), settings_.tag, lane.topic, std::to_string(lane.partition),
          std::to_string(lane.epoch), columns.offset, std::to_string(columns.start),
          std::to_string(columns.end), columns.attempt, columns.key, columns.sequence,
          columns.detail, std::to_string(instance_)}) {
      text += ' ';
      text += column;
    }
    return text + '\n';
  }

  void write_event(const char* event, const char* detail) const {
    Columns columns;
    columns.start = columns.end = now_ns();
    columns.detail = detail;
    write(line(event, columns));
  }

  /// On lines of their own, also behind what a process wrote that was killed in the middle of it.
  void write(const std::string& lines) const {
    const std::string text = "\n" + lines;
    const ssize_t size = ::write(fd_, text.data(), text.size());
    // Half a ledger would make a test lie; better no process.
    if (size != static_cast<ssize_t>(text.size())) std::terminate();
  }

  const moult::Context context_;
  const Settings settings_;
  const std::uint64_t instance_ = next_instance();
  int fd_ = -1;
};

}  // namespace

MOULT_HANDLER(LedgerHandler, "ledger", LEDGER_VERSION);
