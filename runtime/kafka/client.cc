#include "runtime/kafka/client.h"

#include <array>
#include <memory>
#include <tuple>
#include <utility>

#include "runtime/kafka/token_feed.h"

namespace moult::kafka {

Result<ClientHandle> make_client(rd_kafka_type_t type, ClientConf conf) {
  std::array<char, 512> error{};
  if (conf.tokens) TokenFeed::prepare(conf.get());
  ClientHandle client(rd_kafka_new(type, conf.get(), error.data(), error.size()));
  if (!client) return failure(error.data());
  std::ignore = conf.handle.release();  // rd_kafka_new took it
  if (conf.tokens) {
    QueueHandle wishes(rd_kafka_queue_get_sasl(client.get()));
    if (!wishes) return failure("tokens need security.protocol sasl_ssl");
    client.get_deleter().feed =
        std::make_shared<TokenFeed>(client.get(), std::move(wishes), std::move(conf.tokens));
  }
  return client;
}

void discard_log(const rd_kafka_t*, int, const char*, const char*) {}

}  // namespace moult::kafka
