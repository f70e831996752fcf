#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <thread>

#include "runtime/plugin/loaded_generation.h"
#include "runtime/plugin/plugin_file.h"
#include "runtime/plugin/preflight.h"
#include "runtime/plugin/preflight_wire.h"
#include "runtime/plugin/process_state.h"
#include "runtime/plugin/rules.h"

namespace moult {
namespace {

constexpr std::int64_t kRevokeDeadlineMs = 1'000;
constexpr Milliseconds kThreadEndBound{2'000};

/// The pipe to whoever asked. Written to at once, line by line: the next call may be the last.
class Report {
 public:
  explicit Report(int fd) : fd_(fd) {}

  void say(std::string_view word, std::string_view rest = {}) const {
    const std::string line = encode_line(word, rest);
    // Nobody reads any more: then nobody minds either.
    if (::write(fd_, line.data(), line.size()) < 0) ::_exit(1);
  }
  void step(PreflightStep step) const { say("step", rules_of(step).name); }
  [[noreturn]] void refused(const Error& error) const {
    say("refused", error.message);
    ::_exit(0);
  }
  [[noreturn]] void done() const {
    say("done");
    ::_exit(0);
  }

 private:
  const int fd_;
};

/// The plugin's log lines, from warnings on, for the person who wants to know why.
class StderrSink final : public LogSink {
 public:
  bool enabled(Component, Severity severity) const noexcept override {
    return severity >= Severity::kWarning;
  }
  void write(Component, Severity severity, std::string_view message,
             std::span<const Field> fields) noexcept override {
    if (severity < Severity::kWarning) return;
    std::string line = fmt::format("preflight: {}: {}", name_of(severity), message);
    for (const Field& field : fields) {
      line += fmt::format(" {}=", field.key);
      std::visit([&](const auto& value) { line += fmt::format("{}", value); }, field.value);
    }
    line += '\n';
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
  }
};

/// Takes what is produced and does nothing with it.
class DryLaneHost final : public LaneHost {
 public:
  bool cancelled() const noexcept override { return false; }
  std::int32_t produce(const moult_message&) noexcept override { return MOULT_SUCCESS; }
};

/// A batch of the sample's values, with what a plugin may read behind each.
class SampleBatch {
 public:
  SampleBatch(const std::vector<std::string>& values, const LaneIdentity& lane) : lane_(lane) {
    padded_.reserve(values.size());
    for (const std::string& value : values) {
      padded_.push_back(value + std::string(MOULT_PADDING, '\0'));
      moult_record record{};
      record.struct_size = sizeof record;
      record.attempt = 1;
      record.offset = static_cast<std::int64_t>(records_.size());
      record.timestamp_ms = -1;
      record.value = reinterpret_cast<const std::uint8_t*>(padded_.back().data());
      record.value_size = static_cast<std::uint32_t>(value.size());
      records_.push_back(record);
      moult_outcome outcome{};
      outcome.struct_size = sizeof outcome;
      outcomes_.push_back(outcome);
    }
  }

  moult_batch raw() {
    moult_batch batch{};
    batch.struct_size = sizeof batch;
    batch.record_stride = sizeof(moult_record);
    batch.records = records_.data();
    batch.record_count = static_cast<std::uint32_t>(records_.size());
    batch.outcome_stride = sizeof(moult_outcome);
    batch.outcomes = outcomes_.data();
    batch.topic = lane_.topic.c_str();
    batch.topic_size = static_cast<std::uint32_t>(lane_.topic.size());
    batch.partition = lane_.partition;
    batch.epoch = lane_.epoch;
    batch.high_watermark = -1;
    batch.header_stride = sizeof(moult_header);
    return batch;
  }

  /// Why the first record that did not end well did not; empty: all did.
  std::string failure() const {
    for (std::size_t i = 0; i < outcomes_.size(); i++) {
      const moult_outcome& outcome = outcomes_[i];
      if (outcome.code == MOULT_OK || outcome.code == MOULT_SKIP) continue;
      const std::string_view why(outcome.error == nullptr ? "" : outcome.error,
                                 outcome.error == nullptr ? 0 : outcome.error_size);
      return fmt::format("line {} of its sample ended with outcome {}{}{}", i + 1, outcome.code,
                         why.empty() ? "" : ": ", why);
    }
    return {};
  }

 private:
  const LaneIdentity& lane_;
  std::vector<std::string> padded_;
  std::vector<moult_record> records_;
  std::vector<moult_outcome> outcomes_;
};

/// One lane's life, on a worker thread. Whatever is refused ends the process from here.
class LaneTrial {
 public:
  LaneTrial(Generation& generation, const PreflightRequest& request, const Report& report)
      : generation_(generation), request_(request), report_(report) {}

  void run() {
    std::unique_ptr<Instance> instance = create();
    report_.step(PreflightStep::kSelfTest);
    check(rules::kSelfTestFailed, instance->self_test());
    report_.step(PreflightStep::kAssigned);
    instance->assigned();
    if (!request_.sample.empty()) consume_sample(*instance);
    if (generation_.keeps_state()) instance = replace(std::move(instance));
    end(std::move(instance), EndReason::kStopping);
  }

 private:
  void check(const Rule& rule, const Status& status) const {
    if (!status) report_.refused(refuse(request_.plugin, rule, status.error().message).error);
  }

  std::unique_ptr<Instance> create() {
    report_.step(PreflightStep::kCreate);
    auto instance = generation_.create(lane_, host_);
    if (!instance) check(rules::kCreateFailed, Unexpected<Error>{instance.error()});
    return std::move(*instance);
  }

  void consume_sample(Instance& instance) const {
    report_.step(PreflightStep::kSample);
    SampleBatch batch(request_.sample, lane_);
    const bool answered = instance.consume(batch.raw());
    std::string wrong = batch.failure();
    if (!answered && wrong.empty()) wrong = "consume failed with its sample";
    if (!wrong.empty()) check(rules::kSampleFailed, failure(wrong));
  }

  /// As when the next version takes the lane over, in the same order; the successor.
  std::unique_ptr<Instance> replace(std::unique_ptr<Instance> old) {
    report_.step(PreflightStep::kStateExport);
    Result<HandedState> state = old->export_state();
    if (!state) check(rules::kStateExportFailed, Unexpected<Error>{state.error()});
    std::unique_ptr<Instance> successor = create();
    report_.step(PreflightStep::kStateImport);
    check(rules::kStateImportFailed, successor->import_state(*state));
    end(std::move(old), EndReason::kReplaced);
    report_.step(PreflightStep::kAssigned);
    successor->assigned();
    return successor;
  }

  void end(std::unique_ptr<Instance> instance, EndReason reason) const {
    report_.step(PreflightStep::kRevoked);
    instance->revoked(reason, kRevokeDeadlineMs);
    report_.step(PreflightStep::kDestroy);
    instance.reset();
  }

  Generation& generation_;
  const PreflightRequest& request_;
  const Report& report_;
  const LaneIdentity lane_{request_.topic, 0, 1};
  DryLaneHost host_;
};

StagedPlugin open_copy(const PreflightRequest& request, const Report& report) {
  UniqueFd fd(::open(request.copy.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    report.refused(
        refuse(request.plugin, rules::kPreflightIo, "its private copy can't be opened").error);
  }
  return StagedPlugin::borrow(request.plugin, request.copy, std::move(fd),
                              static_cast<std::uint64_t>(status.st_size));
}

std::shared_ptr<Generation> load(const PreflightRequest& request,
                                 const std::shared_ptr<UnloadCounts>& unloads, Logger log,
                                 const Report& report) {
  StagedPlugin copy = open_copy(request, report);
  auto facts = verify_plugin_file(copy.fd(), copy.size(), request.plugin);
  if (!facts) report.refused(facts.error());
  GenerationSpec spec;
  spec.handler = request.handler;
  spec.plugin = request.plugin;
  spec.settings_json = request.settings_json;
  spec.unloads = unloads;
  report.step(PreflightStep::kConstructor);
  auto generation = LoadedGeneration::load(spec, std::move(copy), std::move(*facts), log,
                                           [&] { report.step(PreflightStep::kEntry); });
  if (!generation) report.refused(generation.error());
  return std::move(*generation);
}

void compare(const PreflightRequest& request, const ProcessState& before, bool pinned,
             const Report& report) {
  await_thread_ends(before, kThreadEndBound);
  const ProcessState after = ProcessState::take();
  const auto refuse_when = [&](const Rule& rule, const std::string& what, const char* verb) {
    if (!what.empty()) report.refused(refuse(request.plugin, rule, verb + what).error);
  };
  refuse_when(rules::kLeavesThread, new_threads(before, after), "it leaves threads running: ");
  refuse_when(rules::kStaysMapped, pinned ? "it is still there after its unload" : "", "");
  refuse_when(rules::kLeavesDescriptor, new_descriptors(before, after),
              "it leaves descriptors open: ");
  refuse_when(rules::kLeavesSignalHandler, new_handlers(before, after),
              "it changed what happens at ");
  const std::string mappings = new_mappings(before, after);
  if (!mappings.empty()) report.say("note", "libraries that stay loaded: " + mappings);
}

void try_plugin(const PreflightRequest& request, const Report& report) {
  StderrSink sink;
  const Logger log(sink, Component::kPlugin);
  const auto unloads = std::make_shared<UnloadCounts>();
  // A sanitizer starts a thread of its own beside the first one: that is not the plugin's.
  std::thread([] {}).join();
  const ProcessState before = ProcessState::take();
  auto generation = load(request, unloads, log, report);
  pid_t worker_thread = 0;
  std::thread worker([&]() noexcept {
    worker_thread = ::gettid();
    LaneTrial(*generation, request, report).run();
  });
  worker.join();
  await_end_of(worker_thread, kThreadEndBound);
  const std::string threads = new_threads(before, ProcessState::take());
  report.step(PreflightStep::kUnload);
  if (!threads.empty()) report.say("threads", threads);
  generation.reset();
  compare(request, before, unloads->pinned != 0, report);
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 16'384> buffer{};
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

/// What the plugin prints goes to stderr, what it reads is empty, and the pipe is out of its way.
int take_over_standard_streams() {
  const int report = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, kFirstFreeDescriptor);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(null, STDIN_FILENO);
  if (null > STDERR_FILENO) ::close(null);
  return report;
}

}  // namespace

void serve_preflight() noexcept {
  // Nobody waits for it when the daemon is gone; a crash here is an answer, not a thing to keep.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit no_core = {0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  const std::string bytes = read_all(STDIN_FILENO);
  const Report report(take_over_standard_streams());
  const auto request = decode(bytes);
  if (!request) ::_exit(1);
  try_plugin(*request, report);
  report.done();
}

}  // namespace moult
