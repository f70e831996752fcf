// Sums one integer field of JSON records as fast as can be: parsed in place, nothing allocated per
// record. Settings: {"field": "/n"}, a JSON pointer.
#include <simdjson.h>
#include <moult/moult.hpp>

#include <string>

namespace {

class CountJsonHandler : public moult::Handler {
 public:
  static constexpr std::uint64_t kCapabilities = MOULT_CAP_PADDED;
  static constexpr std::uint64_t kRequired = MOULT_CAP_PADDED;
  static_assert(simdjson::SIMDJSON_PADDING <= MOULT_PADDING);

  explicit CountJsonHandler(const moult::Context& context) : context_(context) {
    const simdjson::padded_string json(context.settings());
    auto settings = parser_.iterate(json);
    std::string_view field;
    if (settings["field"].get(field) == simdjson::SUCCESS) pointer_ = field;
    // A pointer of one plain step is a key, and looking a key up is cheaper.
    is_key_ = pointer_.rfind('/') == 0 && pointer_.find('~') == std::string::npos;
    key_ = is_key_ ? pointer_.substr(1) : "";
  }

  ~CountJsonHandler() override { context_.info("counted", {{"records", records_}, {"sum", sum_}}); }

  void consume(const moult::Batch& batch) override {
    for (const moult::Record& record : batch.one_by_one()) {
      if (!record.is_tombstone()) sum_ += read(record.value());
      records_++;
    }
  }

 private:
  std::int64_t read(std::string_view json) {
    auto document = parser_.iterate(json.data(), json.size(), json.size() + MOULT_PADDING);
    if (is_key_) return document.find_field(key_).get_int64();
    return document.at_pointer(pointer_).get_int64();
  }

  moult::Context context_;
  simdjson::ondemand::parser parser_;
  std::string pointer_ = "/n";
  std::string key_;
  bool is_key_ = false;
  std::int64_t records_ = 0;
  std::int64_t sum_ = 0;
};

}  // namespace

MOULT_HANDLER(CountJsonHandler, "count_json", "1.0.0");
