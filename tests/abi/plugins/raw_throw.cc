// Breaks the rule: exceptions go through the C ABI.
#include <moult/moult.h>

#include <stdexcept>
#include <string>

struct moult_instance {};

namespace {

moult_instance* create(const moult_host*, moult_host_handle*, const char* settings, std::uint32_t,
                       const moult_lane*, moult_error*) {
  if (std::string(settings).find("throw") != std::string::npos) {
    throw std::runtime_error("create threw this");
  }
  return new moult_instance;
}
void assigned(moult_instance*, const moult_lane*) { throw 7; }
std::int32_t consume(moult_instance*, const moult_batch*) {
  throw std::runtime_error("consume threw this");
}
void revoked(moult_instance*, std::uint32_t, std::int64_t) {
  throw std::runtime_error("revoked threw this");
}
void destroy(moult_instance* self) {
  delete self;
  throw std::runtime_error("destroy threw this");
}

const moult_plugin table = {sizeof(moult_plugin), 0, create, assigned, consume, revoked, destroy};

}  // namespace

MOULT_PLUGIN(&table, "raw_throw", "1.0.0", 0, 0);
