// Does what a real handler does and what has kept libraries mapped: thread_local objects with
// destructors (at load, in every call), make_shared, regex, streams, exceptions, a thread.
#include <moult/moult.hpp>

#include <iostream>
#include <memory>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

thread_local std::vector<std::string> seen_by_thread;

struct AtLoad {
  AtLoad() { seen_by_thread.emplace_back("loaded, in a string that is not kept in its object"); }
};
const AtLoad at_load;

class ThoroughHandler : public moult::Handler {
 public:
  explicit ThoroughHandler(const moult::Context& context)
      : context_(context), total_(std::make_shared<long>(0)), worker_([this] { count(); }) {
    worker_.join();
  }

  void consume(const moult::Batch& batch) override {
    static const std::regex digits("[0-9]+");
    for (const moult::Record& record : batch.one_by_one()) {
      const std::string value(record.value());
      seen_by_thread.push_back(value);
      if (!std::regex_match(value, digits)) throw std::invalid_argument(value);
      std::istringstream stream(value);
      long number = 0;
      stream >> number;
      *total_ += number;
    }
    try {
      throw std::runtime_error("caught where it is thrown");
    } catch (const std::exception& error) {
      std::cout << (error.what() == nullptr ? "?" : "") << std::flush;
    }
    context_.info("total", {{"total", std::int64_t{*total_}}});
  }

 private:
  void count() { seen_by_thread.emplace_back("in the thread of the handler's own, which ends"); }

  moult::Context context_;
  std::shared_ptr<long> total_;
  std::thread worker_;
};

}  // namespace

MOULT_HANDLER(ThoroughHandler, "thorough", "1.0.0");
