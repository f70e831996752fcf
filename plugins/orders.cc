// Sums the amounts of JSON orders per currency:
//   {"id": 17, "amount": 12.5, "currency": "EUR"}
// Settings: {"currency": "EUR"} is the currency of orders that name none.
#include <simdjson.h>
#include <moult/moult.hpp>

#include <map>
#include <string>

namespace {

class OrdersHandler : public moult::Handler {
 public:
  // simdjson reads a few bytes past the end of a text; with this they are there, without a copy.
  static constexpr std::uint64_t kCapabilities = MOULT_CAP_PADDED;
  static constexpr std::uint64_t kRequired = MOULT_CAP_PADDED;
  static_assert(simdjson::SIMDJSON_PADDING <= MOULT_PADDING);

  explicit OrdersHandler(const moult::Context& context) : context_(context) {
    const simdjson::padded_string json(context.settings());
    auto settings = parser_.iterate(json);
    std::string_view currency;
    if (settings["currency"].get(currency) == simdjson::SUCCESS) {
      default_currency_ = currency;
    }
  }

  void consume(const moult::Batch& batch) override {
    // Each order is done with when the loop moves on. One that is no JSON throws: it comes again
    // after a backoff, and the orders before it don't.
    for (const moult::Record& record : batch.one_by_one()) {
      if (!record.is_tombstone()) add(record.value());
    }
    context_.debug("orders added", {{"orders", orders_}});
  }

  void revoked(moult::Reason, std::chrono::milliseconds) override {
    for (const auto& [currency, total] : totals_) {
      context_.info("total", {{"currency", currency}, {"amount", std::to_string(total)}});
    }
  }

 private:
  void add(std::string_view json) {
    auto order = parser_.iterate(json.data(), json.size(), json.size() + MOULT_PADDING);
    const double amount = order["amount"];
    std::string_view currency = default_currency_;
    const simdjson::error_code error = order["currency"].get(currency);
    if (error != simdjson::SUCCESS && error != simdjson::NO_SUCH_FIELD) {
      throw simdjson::simdjson_error(error);
    }
    totals_[std::string(currency)] += amount;
    orders_++;
  }

  moult::Context context_;
  simdjson::ondemand::parser parser_;
  std::string default_currency_ = "EUR";
  std::map<std::string, double> totals_;
  std::int64_t orders_ = 0;
};

}  // namespace

MOULT_HANDLER(OrdersHandler, "orders", "1.0.0");
