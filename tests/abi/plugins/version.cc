// Two versions of one plugin, made from the same source. What would tie them together without the
// SDK's link options: an inline function's static, std::make_shared, <regex>.
#include <moult/moult.hpp>

#include <memory>
#include <regex>
#include <stdexcept>
#include <string>

struct Counter {
  int calls = 0;
};

inline Counter& shared_counter() {
  static Counter counter;
  return counter;
}

template <typename T>
struct Holder {
  static inline int value = VERSION * 100;
};

class VersionHandler : public moult::Handler {
 public:
  explicit VersionHandler(const moult::Context& context)
      : context_(context), held_(std::make_shared<int>(VERSION)) {}

  void consume(const moult::Batch& batch) override {
    shared_counter().calls += static_cast<int>(batch.size());
    const bool digits = std::regex_match(std::string(batch[0].value()), std::regex("[0-9]+"));
    context_.info("state", {{"version", std::int64_t{*held_}},
                            {"calls", std::int64_t{shared_counter().calls}},
                            {"held", std::int64_t{Holder<int>::value++}},
                            {"digits", digits ? "yes" : "no"}});
  }

 private:
  moult::Context context_;
  std::shared_ptr<int> held_;
};

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
MOULT_HANDLER(VersionHandler, "version", TEXT(VERSION) ".0.0");
