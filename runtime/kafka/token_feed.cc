#include "runtime/kafka/token_feed.h"

#include <pthread.h>

#include <array>
#include <utility>

#include "runtime/base/check.h"

namespace moult::kafka {
namespace {

constexpr int kForEver = -1;
// MSK takes the principal from the token; librdkafka wants to have one.
constexpr const char* kPrincipal = "moult";

}  // namespace

void TokenFeed::prepare(rd_kafka_conf_t* conf) {
  rd_kafka_conf_enable_sasl_queue(conf, 1);
  rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH);
}

TokenFeed::TokenFeed(rd_kafka_t* client, std::shared_ptr<TokenSource> source)
    : client_(client),
      source_(std::move(source)),
      queue_(rd_kafka_queue_get_sasl(client)),
      thread_([this](const std::stop_token& stop) { serve(stop); }) {}

TokenFeed::~TokenFeed() {
  thread_.request_stop();
  rd_kafka_queue_yield(queue_.get());
  thread_.join();
}

void TokenFeed::serve(const std::stop_token& stop) noexcept {
  MOULT_CHECK(queue_ != nullptr, "a client for tokens was made of a configuration for others");
  pthread_setname_np(pthread_self(), "moult-token");
  while (!stop.stop_requested()) {
    const EventHandle event(rd_kafka_queue_poll(queue_.get(), kForEver));
    if (!event || stop.stop_requested()) continue;
    if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH) renew(stop);
  }
}

/// What goes wrong is an error of the client, and comes to its error callback.
void TokenFeed::renew(const std::stop_token& stop) {
  const auto token = source_->make(stop);
  if (stop.stop_requested()) return;
  if (!token) {
    rd_kafka_oauthbearer_set_token_failure(client_, token.error().message.c_str());
    return;
  }
  const auto since_1970 =
      std::chrono::duration_cast<std::chrono::milliseconds>(token->expires.time_since_epoch());
  std::array<char, 256> error{};
  const auto code =
      rd_kafka_oauthbearer_set_token(client_, token->text.c_str(), since_1970.count(), kPrincipal,
                                     nullptr, 0, error.data(), error.size());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_oauthbearer_set_token_failure(client_, error.data());
  }
}

}  // namespace moult::kafka
