#include "runtime/kafka/token_feed.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <utility>

namespace moult::kafka {
namespace {

// Later than librdkafka's own wish by as much: a wall clock that runs true makes no second token.
constexpr Duration kAfterWish = std::chrono::seconds(5);
constexpr Duration kAfterFailure = std::chrono::seconds(10) + kAfterWish;
constexpr Duration kLongestTokenWait = std::chrono::minutes(1);
// MSK takes the principal from the token; librdkafka wants to have one.
constexpr const char* kPrincipal = "moult";

}  // namespace

void TokenFeed::prepare(rd_kafka_conf_t* conf) {
  rd_kafka_conf_enable_sasl_queue(conf, 1);
  rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH);
}

TokenFeed::TokenFeed(rd_kafka_t* client, QueueHandle wishes, std::shared_ptr<TokenSource> source)
    : client_(client),
      source_(std::move(source)),
      queue_(std::move(wishes)),
      thread_([this](const std::stop_token& stop) { serve(stop); }) {}

TokenFeed::~TokenFeed() {
  thread_.request_stop();
  rd_kafka_queue_yield(queue_.get());
  thread_.join();
}

void TokenFeed::serve(const std::stop_token& stop) noexcept {
  pthread_setname_np(pthread_self(), "moult-token");
  while (!stop.stop_requested()) {
    const Duration wait = std::min<Duration>(due_ - Clock::now(), kLongestTokenWait);
    const EventHandle event(rd_kafka_queue_poll(queue_.get(), poll_ms(wait)));
    if (stop.stop_requested()) return;
    const bool wished =
        event && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH;
    if (wished || Clock::now() >= due_) renew(stop);
  }
}

/// What goes wrong is an error of the client, and comes to its error callback.
void TokenFeed::renew(const std::stop_token& stop) {
  const auto token = source_->make(stop);
  if (stop.stop_requested()) return;
  due_ = Clock::now() + kAfterFailure;
  if (!token) {
    rd_kafka_oauthbearer_set_token_failure(client_, token.error().message.c_str());
    return;
  }
  if (!set(*token)) return;
  const Duration life = token->expires - std::chrono::system_clock::now();
  due_ = Clock::now() + std::max(life * 4 / 5, Duration{0}) + kAfterWish;
}

bool TokenFeed::set(const Token& token) {
  const auto since_1970 =
      std::chrono::duration_cast<std::chrono::milliseconds>(token.expires.time_since_epoch());
  std::array<char, 256> error{};
  const auto code =
      rd_kafka_oauthbearer_set_token(client_, token.text.c_str(), since_1970.count(), kPrincipal,
                                     nullptr, 0, error.data(), error.size());
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return true;
  rd_kafka_oauthbearer_set_token_failure(client_, error.data());
  return false;
}

}  // namespace moult::kafka
