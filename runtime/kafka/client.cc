#include "runtime/kafka/client.h"

#include <array>
#include <tuple>

namespace moult::kafka {

Result<ClientHandle> make_client(rd_kafka_type_t type, ConfHandle conf) {
  std::array<char, 512> error{};
  ClientHandle client(rd_kafka_new(type, conf.get(), error.data(), error.size()));
  if (!client) return failure(error.data());
  std::ignore = conf.release();  // rd_kafka_new took it
  return client;
}

void discard_log(const rd_kafka_t*, int, const char*, const char*) {}

}  // namespace moult::kafka
