// Counts the records of each key, and keeps counting over a reload: the next version gets the
// counts of the one before, and the log has them once, when the partition goes or the daemon stops.
#include <moult/moult.hpp>

#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

/// Fixed-size fields of an exported state, in this machine's byte order: it never leaves it.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  std::uint64_t number() {
    std::uint64_t value = 0;
    const std::string_view raw = take(sizeof value);
    std::memcpy(&value, raw.data(), raw.size());
    return value;
  }
  std::string text() { return std::string(take(number())); }

 private:
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) throw std::runtime_error("the state of the counts is cut off");
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
};

void write_number(moult::StateWriter& writer, std::uint64_t value) {
  writer.write({reinterpret_cast<const char*>(&value), sizeof value});
}

class CountKeysHandler : public moult::Handler {
 public:
  static constexpr std::uint64_t kCapabilities = MOULT_CAP_STATE;

  explicit CountKeysHandler(const moult::Context& context) : context_(context) {}

  void consume(const moult::Batch& batch) override {
    is_handed_over_ = false;
    for (const moult::Record& record : batch.one_by_one()) counts_[std::string(record.key())]++;
  }

  void export_state(moult::StateWriter& writer) override {
    writer.begin(kSchema, kVersion);
    for (const auto& [key, count] : counts_) {
      write_number(writer, key.size());
      writer.write(key);
      write_number(writer, count);
    }
    is_handed_over_ = true;
  }

  void import_state(const moult::State& state) override {
    state.expect(kSchema, kVersion);
    for (Fields fields(state.bytes()); !fields.empty();) {
      const std::string key = fields.text();
      counts_[key] = fields.number();
    }
  }

  void revoked(moult::Reason reason, std::chrono::milliseconds) override {
    if (reason == moult::Reason::kReplaced && is_handed_over_) return;  // the next one goes on
    for (const auto& [key, count] : counts_) {
      context_.info("counted", {{"key", key}, {"records", static_cast<std::int64_t>(count)}});
    }
  }

 private:
  static constexpr const char* kSchema = "count_keys.counts";
  static constexpr std::uint32_t kVersion = 1;

  moult::Context context_;
  std::map<std::string, std::uint64_t> counts_;
  bool is_handed_over_ = false;
};

}  // namespace

MOULT_HANDLER(CountKeysHandler, "count_keys", "1.0.0");
