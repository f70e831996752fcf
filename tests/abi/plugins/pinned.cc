// A thread_local with a destructor, touched by every thread that runs consume: the library stays
// mapped until those threads ended.
#include <moult/moult.hpp>

#include <string>

class PinnedHandler : public moult::Handler {
 public:
  explicit PinnedHandler(const moult::Context&) {}
  void consume(const moult::Batch& batch) override {
    thread_local std::string last;
    last = batch[0].value();
  }
};

MOULT_HANDLER(PinnedHandler, "pinned", "1.0.0");
