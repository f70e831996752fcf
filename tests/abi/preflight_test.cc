// What only shows when a plugin runs: each is refused by its own rule, in a process that may die of
// it, while this one goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <ostream>
#include <string>

#include "runtime/plugin/preflight.h"
#include "runtime/plugin/process_state.h"
#include "runtime/plugin/rules.h"
#include "tests/abi/fixture.h"

namespace moult::abi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// The sanitizers catch it and exit in their own way.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSegvIsASignal = false;
#else
constexpr bool kSegvIsASignal = true;
#endif

constexpr Milliseconds kLong{64'000};
constexpr Milliseconds kShort{1'000};  // for what hangs: this is how long its test takes

/// Tries a plugin that was copied beside a sample.
class Trial {
 public:
  explicit Trial(const std::string& plugin) : file_(dir_ / (plugin + ".so")) {
    fs::copy_file(plugin_path(plugin), file_);
  }

  void with_sample(const std::string& lines) const {
    write_file(file_.native() + ".sample", lines);
  }

  Result<PreflightReport> run(Milliseconds bound = kLong,
                              const std::string& settings = "{}") const {
    auto prepared = prepare_plugin(file_, dir_ / "staging", {});
    if (!prepared) return Unexpected<Error>{prepared.error()};
    PreflightSpec spec;
    spec.plugin = file_;
    spec.settings_json = settings;
    return preflight(prepared->copy, spec, {MOULT_BINARY, bound});
  }

  const fs::path& file() const { return file_; }
  fs::path staging() const { return dir_ / "staging"; }

 private:
  TempDir dir_;
  fs::path file_;
};

struct BadTrial {
  std::string plugin;
  std::string rule;

  friend void PrintTo(const BadTrial& bad, std::ostream* out) { *out << bad.rule; }
};

/// Whether the bound was over before the trial came to the step of that rule: on a busy machine it
/// takes long to begin.
bool ended_before(std::string_view rule, std::string_view message) {
  if (message.find("did not begin in time") != std::string_view::npos) return true;
  for (std::size_t step = 0; step < kPreflightSteps; ++step) {
    const std::string_view hang = rules_of(static_cast<PreflightStep>(step)).hang.id;
    if (hang == rule) return false;
    if (hang == refusing_rule(message)) return true;
  }
  return false;
}

/// What hangs is given more time until it has come to its step.
Result<PreflightReport> run_until_judged(const Trial& trial, std::string_view rule) {
  if (!rule.ends_with("-hang")) return trial.run();
  auto report = trial.run(kShort);
  for (Milliseconds bound = 2 * kShort; bound <= kLong; bound *= 2) {
    if (report || !ended_before(rule, report.error().message)) break;
    report = trial.run(bound);
  }
  return report;
}

class Tried : public testing::TestWithParam<BadTrial> {};

TEST_P(Tried, IsRefused) {
  const Trial trial(GetParam().plugin);
  if (GetParam().rule.starts_with("sample-")) trial.with_sample("one\ntwo\n");
  const ProcessState before = ProcessState::take();
  const auto report = run_until_judged(trial, GetParam().rule);
  ASSERT_FALSE(report) << "it was not refused";
  EXPECT_THAT(report.error().message,
              StartsWith(trial.file().string() + ": refused by rule " + GetParam().rule + ": "));
  EXPECT_THAT(report.error().message, HasSubstr("; ")) << "no cure";
  const ProcessState after = ProcessState::take();
  EXPECT_EQ(after.mapped_files, before.mapped_files) << "it came into this process";
  EXPECT_EQ(after.descriptors, before.descriptors);
  EXPECT_TRUE(fs::is_empty(trial.staging()));
}

INSTANTIATE_TEST_SUITE_P(
    Bad, Tried,
    testing::Values(
        BadTrial{"trial_constructor_crash", "constructor-crash"},
        BadTrial{"trial_constructor_hang", "constructor-hang"},
        BadTrial{"trial_constructor_exit", "constructor-exit"},
        BadTrial{"trial_quiet_exit", "constructor-exit"},
        BadTrial{"trial_entry_crash", "entry-crash"}, BadTrial{"trial_entry_hang", "entry-hang"},
        BadTrial{"trial_entry_exit", "entry-exit"}, BadTrial{"trial_create_crash", "create-crash"},
        BadTrial{"trial_create_hang", "create-hang"}, BadTrial{"trial_create_exit", "create-exit"},
        BadTrial{"trial_not_created", "create-failed"},
        BadTrial{"trial_self_test_crash", "self-test-crash"},
        BadTrial{"trial_self_test_hang", "self-test-hang"},
        BadTrial{"trial_self_test_exit", "self-test-exit"},
        BadTrial{"trial_self_test_fails", "self-test-failed"},
        BadTrial{"trial_assigned_crash", "assigned-crash"},
        BadTrial{"trial_sample_crash", "sample-crash"},
        BadTrial{"trial_sample_hang", "sample-hang"}, BadTrial{"trial_sample_exit", "sample-exit"},
        BadTrial{"trial_sample_fails", "sample-failed"},
        BadTrial{"trial_state_export_crash", "state-export-crash"},
        BadTrial{"trial_state_export_hang", "state-export-hang"},
        BadTrial{"trial_state_export_exit", "state-export-exit"},
        BadTrial{"trial_export_fails", "state-export-failed"},
        BadTrial{"trial_state_import_crash", "state-import-crash"},
        BadTrial{"trial_state_import_hang", "state-import-hang"},
        BadTrial{"trial_state_import_exit", "state-import-exit"},
        BadTrial{"trial_import_fails", "state-import-failed"},
        BadTrial{"trial_revoked_crash", "revoked-crash"},
        BadTrial{"trial_revoked_hang", "revoked-hang"},
        BadTrial{"trial_destroy_crash", "destroy-crash"},
        BadTrial{"trial_destroy_exit", "destroy-exit"},
        BadTrial{"trial_unload_crash", "unload-crash"},
        BadTrial{"trial_unload_hang", "unload-hang"}, BadTrial{"trial_unload_exit", "unload-exit"},
        BadTrial{"trial_thread", "leaves-thread"},
        BadTrial{"trial_descriptor", "leaves-descriptor"},
        BadTrial{"trial_signal_handler", "leaves-signal-handler"},
        BadTrial{"trial_pinned", "stays-mapped"}, BadTrial{"bad_no_import", "state-functions"},
        BadTrial{"bad_unresolved", "unresolved-symbol"}, BadTrial{"bad_library", "missing-library"},
        BadTrial{"bad_entry_null", "entry-null"}, BadTrial{"bad_descriptor", "descriptor-mismatch"},
        BadTrial{"bad_table_size", "table-size"}, BadTrial{"bad_no_consume", "table-function"}),
    [](const auto& test) { return test.param.plugin; });

TEST(Preflight, TellsTheSignalAndThePlace) {
  if (!kSegvIsASignal) GTEST_SKIP() << "a sanitizer catches it";
  const auto report = Trial("trial_segv").run();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message,
              HasSubstr("refused by rule constructor-crash: SIGSEGV in its constructors; "));
}

/// Its code is taken from under it: whether it dies of that or is still seen, the cause is named.
TEST(Preflight, NamesAThreadThatTheUnloadKilled) {
  if (!kSegvIsASignal) GTEST_SKIP() << "a sanitizer catches it";
  const auto report = Trial("trial_busy_thread").run();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("refused by rule leaves-thread: "));
}

TEST(Preflight, SaysWhyCreateFailedAndKeepsTheSettingsOutOfTheArguments) {
  const auto report = Trial("trial_not_created").run(kLong, R"({"told":"so"})");
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr(R"({"told":"so"})"));
}

TEST(Preflight, SaysWhichRecordOfTheSampleFailed) {
  const Trial trial("trial_sample_fails");
  trial.with_sample("first\n\nsecond\n");
  const auto report = trial.run();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message,
              HasSubstr("line 2 of its sample ended with outcome 2: second"));
}

TEST(Preflight, SaysWhatTheSelfTestSaidAndWhyAStateIsNone) {
  const auto said = [](const char* plugin, const std::string& settings = "{}") {
    const auto report = Trial(plugin).run(kLong, settings);
    return report ? "" : report.error().message;
  };
  EXPECT_THAT(said("trial_self_test_fails"), HasSubstr(": the table orders is missing; "));
  EXPECT_THAT(said("trial_export_fails"), HasSubstr(": there is too much to say; "));
  EXPECT_THAT(said("trial_import_fails"), HasSubstr(": what is that?; "));
  EXPECT_THAT(said("keeper", "export is too large"),
              HasSubstr("refused by rule state-export-failed: its state is over 64 MiB; "));
  EXPECT_THAT(said("keeper", "other"),
              HasSubstr("refused by rule state-import-failed: unknown schema someone.else; "));
}

/// At once, in the process that is thrown away: the thread that unloads ends there too.
TEST(Preflight, SeesAThreadLocalThatOutlivesItsCode) {
  if (!kSegvIsASignal) GTEST_SKIP() << "a sanitizer catches it";
  const auto report = Trial("trial_thread_local_at_unload").run();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("refused by rule unload-crash: "));
}

TEST(Preflight, GoodOnesPass) {
  for (const char* plugin : {"minimal", "pinned", "version_v1", "thorough",
                             "trial_thread_local_at_load", "trial_old_table"}) {
    const Trial trial(plugin);
    const auto report = trial.run();
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->sample_records, 0U);
    trial.with_sample("1\n2\n3");
    const auto again = trial.run();
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->sample_records, 3U);
    EXPECT_THAT(again->notes, IsEmpty());
  }
}

/// A process that a constructor started holds the pipe open, and is ended with the trial.
TEST(Preflight, DoesNotWaitForThePluginsChildren) {
  const auto report = Trial("trial_fork").run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_LT(report->took, kLong / 2);
}

TEST(Preflight, DoesNotTakeThePluginsWordForIt) {
  EXPECT_TRUE(Trial("trial_speaks_over_stdout").run());
}

TEST(Preflight, SaysWhenThereIsNoProcess) {
  const Trial trial("minimal");
  auto prepared = prepare_plugin(trial.file(), trial.staging(), {});
  ASSERT_TRUE(prepared);
  PreflightSpec spec;
  spec.plugin = trial.file();
  const auto none = preflight(prepared->copy, spec, {"/absent/moult", kLong});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("refused by rule preflight-io: "));
  const auto other = preflight(prepared->copy, spec, {"/bin/true", kLong});
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("refused by rule preflight-io: "));
}

// ---- The rules themselves, and the command
// ----------------------------------------------------------------

TEST(Rules, HaveOneNameAndAreAllListed) {
  std::set<std::string_view> ids;
  for (const RulePhase& phase : rule_phases()) {
    for (const Rule& rule : phase.rules) {
      EXPECT_FALSE(rule.id.empty());
      EXPECT_FALSE(rule.cure.empty()) << rule.id;
      EXPECT_TRUE(ids.insert(rule.id).second) << rule.id << " is listed twice";
    }
  }
  // Every rule of rules.h, by its text.
  std::ifstream header(MOULT_RULES);
  const std::string text{std::istreambuf_iterator<char>(header), {}};
  std::size_t count = 0;
  for (std::size_t at = text.find("inline constexpr Rule k"); at != text.npos;
       at = text.find("inline constexpr Rule k", at + 1)) {
    const std::size_t quote = text.find('"', at) + 1;
    const std::string id = text.substr(quote, text.find('"', quote) - quote);
    EXPECT_TRUE(ids.contains(id)) << id << " is in no phase";
    count++;
  }
  EXPECT_EQ(ids.size(), count + 3 * kPreflightSteps);
}

struct Ended {
  int status;
  std::string out;
};

Ended run_moult(const std::string& arguments) {
  const std::string command = std::string(MOULT_BINARY) + " " + arguments + " 2>/dev/null";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::string out;
  std::array<char, 4096> buffer{};
  for (std::size_t count; (count = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    out.append(buffer.data(), count);
  }
  const int status = ::pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out};
}

TEST(PluginsVerify, SaysALineARuleAndExitsByTheResult) {
  const std::string good = plugin_path("minimal").string();
  const std::string bad = plugin_path("trial_not_created").string();
  const Ended passed = run_moult("plugins verify " + good);
  EXPECT_EQ(passed.status, 0);
  EXPECT_THAT(passed.out, StartsWith(good + ": ok (minimal 1.2.3, build id "));
  EXPECT_THAT(passed.out, HasSubstr("\n  verify     nodelete                 ok\n"));
  EXPECT_THAT(passed.out, HasSubstr("\n  preflight  sample-failed            not judged\n"));
  const Ended refused = run_moult("plugins verify --settings '{\"x\":1}' " + good + " " + bad);
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.out, HasSubstr(bad + ": refused by create-failed (trial 1, build id "));
  EXPECT_THAT(refused.out, HasSubstr("\n  preflight  create-failed            refused: "));
  EXPECT_THAT(refused.out, HasSubstr("{\"x\":1}; check the handler's settings\n"));
  EXPECT_THAT(refused.out, HasSubstr("\n  preflight  leaves-thread            not judged\n"));
}

TEST(PluginsVerify, SpeaksJson) {
  const Ended refused = run_moult("plugins verify --json " + plugin_path("bad_textrel").string());
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.out, StartsWith("{\"plugins\":[{\"file\":\""));
  EXPECT_THAT(refused.out, HasSubstr("\"rule\":\"textrel\",\"message\":\""));
  EXPECT_THAT(refused.out, HasSubstr("{\"phase\":\"verify\",\"rule\":\"textrel\",\"result\":"
                                     "\"refused\",\"reason\":\"its code "));
  EXPECT_THAT(refused.out, testing::EndsWith("],\"ok\":false}\n"));
}

TEST(PluginsList, ShowsEachHandlersPlugin) {
  TempDir dir;
  const std::string config = (dir / "moult.yaml").string();
  write_file(config, "kafka: {bootstrap.servers: b, auto.offset.reset: earliest}\nplugins_path: " +
                         std::string(MOULT_TEST_PLUGINS) +
                         "\nconsumers:\n  - group: g\n    handlers:\n"
                         "      - {name: one, plugin: minimal.so, topics: [a]}\n"
                         "      - {name: two, plugin: bad_nodelete.so, topics: [b]}\n");
  const Ended listed = run_moult("plugins list --config " + config);
  EXPECT_EQ(listed.status, 1);
  EXPECT_THAT(listed.out,
              HasSubstr("one: " + plugin_path("minimal").string() + ": minimal 1.2.3, "));
  EXPECT_THAT(listed.out, HasSubstr(", ABI 1.0, verified\n"));
  EXPECT_THAT(listed.out, HasSubstr("two: " + plugin_path("bad_nodelete").string() +
                                    ": refused by rule nodelete: "));
  EXPECT_EQ(run_moult("check --config " + config).status, 78);
}

}  // namespace
}  // namespace moult::abi
