// Takes a handle on itself with its first batch and never lets go: what no preflight without a
// sample can see.
#include <dlfcn.h>
#include <moult/moult.hpp>

namespace {

void pin() {
  Dl_info self;
  ::dladdr(reinterpret_cast<void*>(&pin), &self);
  [[maybe_unused]] void* const handle = ::dlopen(self.dli_fname, RTLD_NOW);
}

class PinsItselfHandler : public moult::Handler {
 public:
  explicit PinsItselfHandler(const moult::Context&) {}

  void consume(const moult::Batch& batch) override {
    if (!batch.empty()) pin();
  }
};

}  // namespace

MOULT_HANDLER(PinsItselfHandler, "pins_itself", "1.0.0");
