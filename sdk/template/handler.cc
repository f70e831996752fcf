#include <moult/moult.hpp>

#include <cstdint>

/// One object for each partition; its calls never overlap.
class Handler : public moult::Handler {
 public:
  explicit Handler(const moult::Context& context) : context_(context) {}

  void consume(const moult::Batch& batch) override {
    // What is thrown here makes that record, and those behind it, come again.
    for (const moult::Record& record : batch.one_by_one()) bytes_ += record.value().size();
  }

  void revoked(moult::Reason, std::chrono::milliseconds) override {
    context_.info("handled", {{"bytes", bytes_}});
  }

 private:
  moult::Context context_;
  std::int64_t bytes_ = 0;
};

MOULT_HANDLER(Handler, "handler", "1.0.0");
