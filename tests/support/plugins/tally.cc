// Counts the records of each key and hands the counts over, as plugins/count_keys.cc does, but
// under another schema; and takes over only what it is told to. Settings, all optional:
//   schema_version    of the state that it writes and reads, default 1
//   refuse_partition  takes no state over for this partition
#include <simdjson.h>
#include <moult/moult.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

namespace {

std::int64_t setting(const std::string& json, const char* name, std::int64_t otherwise) {
  simdjson::dom::parser parser;
  const simdjson::dom::element all = parser.parse(json);
  std::int64_t value = otherwise;
  const simdjson::error_code error = all[name].get(value);
  if (error == simdjson::SUCCESS || error == simdjson::NO_SUCH_FIELD) return value;
  throw std::runtime_error(std::string(name) + ": " + simdjson::error_message(error));
}

class TallyHandler : public moult::Handler {
 public:
  static constexpr std::uint64_t kCapabilities = MOULT_CAP_STATE;

  explicit TallyHandler(const moult::Context& context)
      : context_(context),
        version_(static_cast<std::uint32_t>(setting(context.settings(), "schema_version", 1))),
        refused_(setting(context.settings(), "refuse_partition", -1)) {}

  void consume(const moult::Batch& batch) override {
    is_handed_over_ = false;
    for (const moult::Record& record : batch.one_by_one()) counts_[std::string(record.key())]++;
  }

  void export_state(moult::StateWriter& writer) override {
    writer.begin("tally.counts", version_);
    for (const auto& [key, count] : counts_) {
      writer.write(key + ' ' + std::to_string(count) + '\n');
    }
    is_handed_over_ = true;
  }

  void import_state(const moult::State& state) override {
    state.expect("tally.counts", version_);
    if (context_.lane().partition == refused_) throw std::runtime_error("told not to take it over");
    std::istringstream lines{std::string(state.bytes())};
    std::string key;
    for (std::uint64_t count = 0; lines >> key >> count;) counts_[key] = count;
    context_.info("took the counts over");
  }

  void revoked(moult::Reason reason, std::chrono::milliseconds) override {
    if (reason == moult::Reason::kReplaced && is_handed_over_) return;
    for (const auto& [key, count] : counts_) {
      context_.info("counted", {{"key", key}, {"records", static_cast<std::int64_t>(count)}});
    }
  }

 private:
  const moult::Context context_;
  const std::uint32_t version_;
  const std::int64_t refused_;
  std::map<std::string, std::uint64_t> counts_;
  bool is_handed_over_ = false;
};

}  // namespace

MOULT_HANDLER(TallyHandler, "tally", "1.0.0");
