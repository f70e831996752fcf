#include "runtime/plugin/loaded_generation.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <exception>
#include <string_view>
#include <utility>

#include "runtime/plugin/own_thread.h"
#include "runtime/plugin/rules.h"
#include "runtime/plugin/state_sink.h"
#include "runtime/plugin/unload.h"

namespace moult {
namespace {

constexpr std::size_t kMaxError = 1024;

/// Where a function of the plugin's may say why it failed.
class ErrorText {
 public:
  ErrorText() = default;
  ErrorText(const ErrorText&) = delete;
  ErrorText& operator=(const ErrorText&) = delete;

  moult_error* raw() { return &raw_; }
  std::string text() const {
    const std::size_t size = ::strnlen(text_.data(), text_.size());
    return size == 0 ? "it gave no reason" : std::string(text_.data(), size);
  }

 private:
  std::array<char, kMaxError> text_{};
  moult_error raw_ = {sizeof(moult_error), kMaxError, text_.data()};
};

/// Runs plugin code. A plugin must not throw through the C ABI; when it does, that ends here and
/// counts as the call's failure. Returns what was thrown, or nothing.
template <typename Call>
std::string thrown_by(Call&& call) noexcept {
  try {
    call();
    return {};
  } catch (const std::exception& error) {
    return std::string("it threw: ") + error.what();
  } catch (...) {
    return "it threw something that is no std::exception";
  }
}

moult_lane raw_lane(const LaneIdentity& lane) {
  return {sizeof(moult_lane),
          lane.partition,
          lane.topic.c_str(),
          static_cast<std::uint32_t>(lane.topic.size()),
          0,
          lane.epoch};
}

moult_state raw_state(const HandedState& state) {
  return {sizeof(moult_state),
          state.version,
          state.schema.c_str(),
          static_cast<std::uint32_t>(state.schema.size()),
          0,
          reinterpret_cast<const std::uint8_t*>(state.bytes.data()),
          state.bytes.size()};
}

class LoadedInstance final : public Instance {
 public:
  LoadedInstance(const moult_plugin& table, bool keeps_state, Logger log,
                 const std::string& handler, std::uint32_t generation, const LaneIdentity& lane,
                 LaneHost& host)
      : table_(table),
        keeps_state_(keeps_state),
        log_(log),
        lane_(lane),
        handler_(handler),
        host_side_(log, handler, generation, &lane, &host) {}

  ~LoadedInstance() override {
    if (instance_ != nullptr) guard("destroy", [&] { table_.destroy(instance_); });
  }

  Status create(const std::string& settings) {
    ErrorText error;
    const moult_lane lane = raw_lane(lane_);
    const std::string thrown = thrown_by([&] {
      instance_ = table_.create(&host_table(), host_side_.handle(), settings.c_str(),
                                static_cast<std::uint32_t>(settings.size()), &lane, error.raw());
    });
    if (!thrown.empty()) return failure(thrown);
    if (instance_ != nullptr) return Ok{};
    return failure(error.text());
  }

  void assigned() noexcept override {
    if (!MOULT_HAS_FIELD(&table_, assigned) || table_.assigned == nullptr) return;
    const moult_lane lane = raw_lane(lane_);
    guard("assigned", [&] { table_.assigned(instance_, &lane); });
  }

  bool consume(const moult_batch& batch) noexcept override {
    std::int32_t result = MOULT_FAILURE;
    guard("consume", [&] { result = table_.consume(instance_, &batch); });
    return result == MOULT_SUCCESS;
  }

  void revoked(EndReason reason, std::int64_t deadline_ms) noexcept override {
    if (!MOULT_HAS_FIELD(&table_, revoked) || table_.revoked == nullptr) return;
    guard("revoked",
          [&] { table_.revoked(instance_, static_cast<std::uint32_t>(reason), deadline_ms); });
  }

  Status self_test() noexcept override {
    if (!MOULT_HAS_FIELD(&table_, self_test) || table_.self_test == nullptr) return Ok{};
    return answer([&](moult_error* error) { return table_.self_test(instance_, error); });
  }

  Result<HandedState> export_state() noexcept override {
    if (!keeps_state_) return failure("it keeps no state");
    StateSink sink;
    const moult_state_writer writer = sink.writer();
    const Status exported =
        answer([&](moult_error* error) { return table_.state_export(instance_, &writer, error); });
    // What the host refused comes first: it is why the plugin gave up, if it did.
    if (Status refused = sink.refusal(); !refused) return Unexpected<Error>{refused.error()};
    if (!exported) return Unexpected<Error>{exported.error()};
    return sink.take();
  }

  Status import_state(const HandedState& state) noexcept override {
    if (!keeps_state_) return failure("it keeps no state");
    const moult_state raw = raw_state(state);
    return answer([&](moult_error* error) { return table_.state_import(instance_, &raw, error); });
  }

 private:
  /// A call that may refuse, with the reason that it wrote.
  template <typename Call>
  static Status answer(Call&& call) noexcept {
    ErrorText error;
    std::int32_t result = MOULT_FAILURE;
    const std::string thrown = thrown_by([&] { result = call(error.raw()); });
    if (!thrown.empty()) return failure(thrown);
    if (result == MOULT_SUCCESS) return Ok{};
    return failure(error.text());
  }

  template <typename Call>
  void guard(std::string_view function, Call&& call) noexcept {
    const std::string thrown = thrown_by(std::forward<Call>(call));
    if (thrown.empty()) return;
    log_.error("an exception came through the C ABI", {{"handler", handler_},
                                                       {"topic", lane_.topic},
                                                       {"partition", lane_.partition},
                                                       {"function", function},
                                                       {"error", thrown}});
  }

  // Constant after create().
  const moult_plugin& table_;
  const bool keeps_state_;
  const Logger log_;
  const LaneIdentity& lane_;
  const std::string& handler_;
  HostSide host_side_;
  moult_instance* instance_ = nullptr;
};

const Rule& rule_of_load_error(std::string_view text) {
  const auto says = [&](std::string_view part) { return text.find(part) != text.npos; };
  if (says("undefined symbol")) return rules::kUnresolvedSymbol;
  if (says("version `") && says("not found")) return rules::kLibraryVersion;
  if (says("cannot open shared object file")) return rules::kMissingLibrary;
  if (says("failed to map segment")) return rules::kStagingNoexec;
  return rules::kLoadFailed;
}

}  // namespace

LoadedGeneration::LoadedGeneration(const GenerationSpec& spec, StagedPlugin copy, PluginFacts facts,
                                   Logger log)
    : spec_(spec),
      copy_(std::move(copy)),
      facts_(std::move(facts)),
      log_(log),
      host_side_(log, spec_.handler, spec_.number, nullptr, nullptr) {}

LoadedGeneration::~LoadedGeneration() {
  if (!library_.is_loaded()) return;
  unload();
  const bool pinned = is_still_loaded(copy_.path());
  if (spec_.unloads) (pinned ? spec_.unloads->pinned : spec_.unloads->clean)++;
  const Logger::Fields fields = {{"handler", spec_.handler},
                                 {"generation", spec_.number},
                                 {"build_id", facts_.build_id},
                                 {"file", copy_.path().native()}};
  if (pinned) {
    log_.warning("plugin stays mapped after its unload", fields);
  } else {
    log_.debug("plugin unloaded", fields);
  }
}

Result<std::shared_ptr<Generation>> LoadedGeneration::load(const GenerationSpec& spec,
                                                           StagedPlugin copy, PluginFacts facts,
                                                           Logger log,
                                                           const std::function<void()>& opened) {
  // new: the constructor is private.
  std::shared_ptr<LoadedGeneration> generation(
      new LoadedGeneration(spec, std::move(copy), std::move(facts), log));
  Status loaded = Ok{};
  const Status ran = on_own_thread([&] {
    loaded = generation->open_library();
    if (!loaded) return;
    if (opened) opened();
    loaded = generation->call_entry();
  });
  if (!ran) return refuse(spec.plugin, rules::kLoadFailed, ran.error().message);
  if (!loaded) return Unexpected<Error>{loaded.error()};
  return std::shared_ptr<Generation>(std::move(generation));
}

void LoadedGeneration::unload() {
  if (on_own_thread([this] { library_.unload(); })) return;
  library_.unload();  // no thread for it: it may stay, and then it is counted
}

Status LoadedGeneration::open_library() {
  namespace load_mode = boost::dll::load_mode;
  const std::string thrown = thrown_by([&] {
    // The default is lazy binding, which finds a missing function in the middle of a batch.
    library_.load(copy_.path().native(), load_mode::rtld_now | load_mode::rtld_local);
  });
  if (thrown.empty()) return Ok{};
  return refuse(spec_.plugin, rule_of_load_error(thrown), thrown);
}

Status LoadedGeneration::call_entry() {
  using Entry =
      const moult_plugin*(const moult_host*, moult_host_handle*, const moult_descriptor**);
  const moult_descriptor* descriptor = nullptr;
  const std::string thrown = thrown_by([&] {
    Entry& entry = library_.get<Entry>(MOULT_ENTRY_NAME);
    table_ = entry(&host_table(), host_side_.handle(), &descriptor);
  });
  if (!thrown.empty()) return refuse(spec_.plugin, rules::kEntryNull, thrown);
  if (table_ == nullptr) {
    return refuse(spec_.plugin, rules::kEntryNull, "its entry returned no table");
  }
  if (Status checked = check_descriptor(descriptor); !checked) return checked;
  return check_table();
}

/// The note spoke before any code ran; the code has to say the same.
Status LoadedGeneration::check_descriptor(const moult_descriptor* returned) const {
  const std::vector<std::byte>& noted = facts_.descriptor;
  if (returned == nullptr || returned->struct_size != noted.size() ||
      std::memcmp(returned, noted.data(), noted.size()) != 0) {
    return refuse(spec_.plugin, rules::kDescriptorMismatch,
                  "its entry returned another descriptor than its note has");
  }
  return Ok{};
}

Status LoadedGeneration::check_table() const {
  constexpr std::size_t kFirstTable = offsetof(moult_plugin, destroy) + sizeof(table_->destroy);
  if (table_->struct_size < kFirstTable) {
    return refuse(spec_.plugin, rules::kTableSize,
                  fmt::format("its table has {} bytes, the first release had {}",
                              table_->struct_size, kFirstTable));
  }
  if (table_->create == nullptr || table_->consume == nullptr || table_->destroy == nullptr) {
    return refuse(spec_.plugin, rules::kTableFunction, "a function is missing in its table");
  }
  const bool has_both = MOULT_HAS_FIELD(table_, state_import) && table_->state_export != nullptr &&
                        table_->state_import != nullptr;
  if (keeps_state() && !has_both) {
    return refuse(spec_.plugin, rules::kStateFunctions,
                  "it hands state over by MOULT_CAP_STATE, but has no function for it");
  }
  return Ok{};
}

Result<std::unique_ptr<Instance>> LoadedGeneration::create(const LaneIdentity& lane,
                                                           LaneHost& host) {
  auto instance = std::make_unique<LoadedInstance>(*table_, keeps_state(), log_, spec_.handler,
                                                   spec_.number, lane, host);
  if (Status created = instance->create(spec_.settings_json); !created) {
    return failure(fmt::format("handler {} ({} {}): create failed for {}/{}: {}", spec_.handler,
                               facts_.name, facts_.version, lane.topic, lane.partition,
                               created.error().message));
  }
  return std::unique_ptr<Instance>(std::move(instance));
}

}  // namespace moult
