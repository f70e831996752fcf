// Linked without the version script and compiled with GNU unique symbols: a static of an inline
// function is then one object in the whole process.
#include <moult/moult.hpp>

__attribute__((visibility("default"))) inline int& shared() {
  static int value;
  return value;
}

class UniqueHandler : public moult::Handler {
 public:
  explicit UniqueHandler(const moult::Context&) {}
  void consume(const moult::Batch&) override { shared()++; }
};

MOULT_HANDLER(UniqueHandler, "unique", "1");
