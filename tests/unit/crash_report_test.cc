// What a process leaves behind that crashes, and how it dies. E12's half that needs no broker.
#include "runtime/observe/crash_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <charconv>
#include <csignal>
#include <filesystem>
#include <optional>
#include <ostream>
#include <regex>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/scratch.h"

namespace moult::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::chrono::seconds kLong{60};

/// How often `part` comes in `text`.
std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

class CrashReport : public ::testing::Test {
 protected:
  Finished crash(const std::string& scenario) { return crash_in(scratch_.path(), scenario); }

  Finished crash_in(const std::filesystem::path& folder, const std::string& scenario) {
    Finished finished =
        run_to_end({MOULT_CRASH_SUBJECT, scenario, folder.string(), MOULT_CRASH_PLUGIN}, kLong);
    EXPECT_THAT(finished.errors, Not(HasSubstr("ALLOCATED")));
    EXPECT_THAT(finished.errors, Not(HasSubstr("ThreadSanitizer")));
    return finished;
  }

  std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(scratch_.path())) {
      found.push_back(entry.path());
    }
    return found;
  }

  /// The report of the file, which has to be the only one.
  std::string report() const {
    const auto found = files();
    EXPECT_THAT(found, SizeIs(1));
    return found.size() == 1 ? read_file(found[0]) : "";
  }

  /// Everything that a crash in a batch has to say.
  static void expect_batch(const std::string& text) {
    EXPECT_THAT(text, HasSubstr("\nhandler: orders\ncall: consume\nbuild_id: 0123abcd\n"
                                "topic: orders.created\npartition: 3\noffsets: 100 to 149\n"));
    EXPECT_THAT(text, HasSubstr("\nversion: 1.2.3\n"));
    EXPECT_THAT(text, ContainsRegex("\nthread: orders-1 [0-9]+\n"));
    EXPECT_THAT(text, ContainsRegex("\nbacktrace:\n  #00 0x[0-9a-f]+ [^\n]+\\+0x[0-9a-f]+\n"));
  }

  const Scratch scratch_;
};

struct SignalCase {
  std::string scenario;
  int signal;
  std::string lines;
};

std::ostream& operator<<(std::ostream& out, const SignalCase& it) { return out << it.scenario; }

class CrashReportOfSignal : public CrashReport, public ::testing::WithParamInterface<SignalCase> {};

TEST_P(CrashReportOfSignal, E12_IsWrittenBeforeTheProcessDiesOfIt) {
  const SignalCase& expected = GetParam();
  const Finished died = crash(expected.scenario);
  EXPECT_EQ(died.status, -expected.signal) << died.errors;
  const std::string text = report();
  EXPECT_THAT(text, HasSubstr(expected.lines));
  expect_batch(text);
  EXPECT_THAT(died.errors, HasSubstr(text)) << "stderr says the same as the file";
}

INSTANTIATE_TEST_SUITE_P(
    Signals, CrashReportOfSignal,
    ::testing::Values(
        SignalCase{"segv", SIGSEGV,
                   "signal: 11 SIGSEGV (nothing is mapped there)\naddress: 0x10\n"},
        SignalCase{"bus", SIGBUS,
                   "signal: 7 SIGBUS (no such memory: is the mapped file shorter "
                   "now?)\naddress: 0x"},
        SignalCase{"fpe", SIGFPE, "signal: 8 SIGFPE (integer division by zero)\naddress: 0x"},
        SignalCase{"ill", SIGILL, "signal: 4 SIGILL (illegal operand)\naddress: 0x"},
        SignalCase{"trap", SIGTRAP, "signal: 5 SIGTRAP\nsent by: the process itself\n"},
        SignalCase{"abort", SIGABRT, "signal: 6 SIGABRT\nsent by: the process itself\n"},
        SignalCase{"plugin", SIGSEGV, "signal: 11 SIGSEGV"},
        SignalCase{"stack", SIGSEGV, "(at the end of the stack: it has probably overflowed)\n"}),
    [](const auto& named) { return named.param.scenario; });

TEST_F(CrashReport, FileIsPrivateAndNamedByProcessAndTime) {
  const Finished died = crash("segv");
  const std::string text = report();
  ASSERT_THAT(files(), SizeIs(1));
  std::smatch process;
  ASSERT_TRUE(std::regex_search(text, process, std::regex("\nprocess: ([0-9]+)\n")));
  std::smatch time;
  ASSERT_TRUE(std::regex_search(
      text, time, std::regex("\ntime: (\\d{4})-(\\d\\d)-(\\d\\d)T(\\d\\d):(\\d\\d):(\\d\\d)Z\n")));
  const std::string compact = time.format("$1$2$3T$4$5$6Z");
  EXPECT_EQ(files()[0].filename(), "crash-" + process[1].str() + "-" + compact + ".txt");
  EXPECT_THAT(text, HasSubstr("\nfile: " + files()[0].string() + "\n"));
  struct stat status {};
  ASSERT_EQ(::stat(files()[0].c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_EQ(died.status, -SIGSEGV);
}

/// The offset in the program's file of the first frame.
std::optional<std::uint64_t> first_frame(const std::string& text) {
  std::smatch found;
  const std::regex frame("\n  #00 0x[0-9a-f]+ " + std::string(MOULT_CRASH_SUBJECT) +
                         "\\+0x([0-9a-f]+)\n");
  if (!std::regex_search(text, found, frame)) return std::nullopt;
  return std::stoull(found[1].str(), nullptr, 16);
}

TEST_F(CrashReport, BacktraceBeginsWhereItCrashed) {
  const Finished died = crash("segv");
  std::smatch place;
  ASSERT_TRUE(std::regex_search(died.out, place, std::regex("crash_here ([0-9]+)")));
  const std::uint64_t begin = std::stoull(place[1].str());
  const auto frame = first_frame(report());
  ASSERT_TRUE(frame) << report();
  EXPECT_GE(*frame, begin);
  EXPECT_LT(*frame, begin + 128);
}

TEST_F(CrashReport, BacktraceNamesThePluginsFile) {
  crash("plugin");
  EXPECT_THAT(report(), ContainsRegex("\n  #00 0x[0-9a-f]+ [^\n]*crash_plugin.so\\+0x[0-9a-f]+\n"));
}

TEST_F(CrashReport, E12_TerminateSaysWhichException) {
  const Finished died = crash("throw");
  EXPECT_EQ(died.status, -SIGABRT);
  const std::string text = report();
  EXPECT_THAT(text, HasSubstr("moult: crash: std::terminate\n"));
  EXPECT_THAT(text, HasSubstr("\nexception: St13runtime_error: no such?currency: XYZ\n"));
  expect_batch(text);
}

TEST_F(CrashReport, E12_TerminateByWhatIsNoException) {
  EXPECT_EQ(crash("throw_number").status, -SIGABRT);
  EXPECT_THAT(report(), HasSubstr("\nexception: i\n"));
}

TEST_F(CrashReport, E12_TerminateWithoutAnException) {
  EXPECT_EQ(crash("terminate").status, -SIGABRT);
  EXPECT_THAT(report(), HasSubstr("\nexception: none\n"));
}

TEST_F(CrashReport, ExceptionWhoseTextCrashes) {
  EXPECT_EQ(crash("throw_mute").status, -SIGSEGV);
  EXPECT_THAT(report(), HasSubstr("4Mute"));
}

TEST_F(CrashReport, E12_ExitOfAPluginIsReportedBeforeAnythingIsDestroyed) {
  const Finished died = crash("exit");
  EXPECT_EQ(died.status, kExitCalledByHandler);
  EXPECT_THAT(died.errors, Not(HasSubstr("DESTROYED")));
  const std::string text = report();
  EXPECT_THAT(text, HasSubstr("moult: crash: exit(0) called by a handler\n"));
  EXPECT_THAT(text, HasSubstr("crash_plugin.so+0x")) << "the backtrace says who called it";
  expect_batch(text);
}

TEST_F(CrashReport, E12_QuickExitOfAPluginIsReported) {
  EXPECT_EQ(crash("quick_exit").status, kExitCalledByHandler);
  EXPECT_THAT(report(), HasSubstr("moult: crash: quick_exit(5) called by a handler\n"));
}

TEST_F(CrashReport, AForkedChildExitsAsItLikes) {
  const Finished ended = crash("exit_in_child");
  EXPECT_EQ(ended.status, 0);
  EXPECT_THAT(ended.out, HasSubstr("child 3\n"));
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(CrashReport, ExitWithoutABatchIsAnExit) {
  EXPECT_EQ(crash("exit_of_our_own").status, 4);
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(CrashReport, CallWithoutABatchHasNoOffsets) {
  EXPECT_EQ(crash("create").status, -SIGSEGV);
  EXPECT_THAT(report(), HasSubstr("\ncall: create\n"));
  EXPECT_THAT(report(), Not(HasSubstr("offsets:")));
}

TEST_F(CrashReport, CrashOfAThreadWithoutABatch) {
  EXPECT_EQ(crash("nothing_in_hand").status, -SIGSEGV);
  EXPECT_THAT(report(), HasSubstr("\nin hand: nothing of a handler's\nbacktrace:\n  #00 0x"));
  EXPECT_THAT(report(), ContainsRegex("\nthread: crash_subject [0-9]+\n"));
}

TEST_F(CrashReport, CrashAfterABatchIsNotBlamedOnIt) {
  EXPECT_EQ(crash("after_a_batch").status, -SIGSEGV);
  EXPECT_THAT(report(), HasSubstr("\nin hand: nothing of a handler's\n"));
}

TEST_F(CrashReport, OneReportWhenManyThreadsCrash) {
  const Finished died = crash("many");
  EXPECT_EQ(died.status, -SIGSEGV);
  EXPECT_EQ(count_of(died.errors, "moult: crash:"), 1U) << died.errors;
  EXPECT_EQ(count_of(report(), "moult: crash:"), 1U);
  EXPECT_THAT(report(), Not(HasSubstr("cut short")));
}

TEST_F(CrashReport, SaysWhichProcessSentTheSignal) {
  EXPECT_EQ(crash("killed").status, -SIGBUS);
  EXPECT_THAT(report(), ContainsRegex("\nsignal: 7 SIGBUS\nsent by: process [0-9]+\n"));
}

TEST_F(CrashReport, WithoutAFolderStderrHasItAll) {
  const Finished died = crash_in(scratch_ / "missing", "segv");
  EXPECT_EQ(died.status, -SIGSEGV);
  expect_batch(died.errors);
  EXPECT_THAT(died.errors, ContainsRegex("\nfile: [^\n]+ could not be made: ENOENT\n"));
}

TEST_F(CrashReport, RefusesAPathThatIsTooLong) {
  const Status refused = install_crash_report({std::string(5'000, 'x'), "", {}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("longer than 3000 bytes"));
}

TEST_F(CrashReport, BrokenNamesCutItShort) {
  const Finished died = crash("broken_names");
  EXPECT_EQ(died.status, -SIGABRT) << "not of the report's own fault";
  const std::string text = report();
  EXPECT_THAT(text, HasSubstr("signal: 6 SIGABRT"));
  EXPECT_THAT(text, HasSubstr("\nhandler: orders\n"));
  EXPECT_THAT(text, HasSubstr("\ncut short: SIGSEGV while this was written\n"));
  EXPECT_THAT(died.errors, HasSubstr(text));
}

TEST_F(CrashReport, NamesCannotForgeLines) {
  crash("odd_names");
  EXPECT_THAT(report(), HasSubstr("\nhandler: or?ders\n"));
  EXPECT_THAT(report(), HasSubstr("\nbuild_id: unknown\n"));
}

TEST_F(CrashReport, AReaderOfStderrThatSleepsDoesNotKeepTheProcess) {
  EXPECT_EQ(crash("stalled_stderr").status, -SIGSEGV);
  expect_batch(report());
}

TEST_F(CrashReport, AReaderOfStderrThatLeftDoesNotChangeTheSignal) {
  EXPECT_EQ(crash("closed_stderr").status, -SIGSEGV);
  expect_batch(report());
}

TEST_F(CrashReport, LeavesASignalToWhoeverHandlesItAlready) {
  EXPECT_EQ(crash("handled").status, 9);
  EXPECT_THAT(files(), IsEmpty());
}

}  // namespace
}  // namespace moult::testing
