#pragma once

#include <memory>
#include <thread>

#include "runtime/base/time.h"
#include "runtime/kafka/handles.h"
#include "runtime/kafka/token_source.h"

namespace moult::kafka {

/// Serves a client's wishes for a new token (at its start, at four fifths of a token's life, ten
/// seconds after a failure) on a thread of its own, and renews by itself where a wish does not
/// come: making one asks other machines, and neither the poller nor librdkafka's threads may wait
/// for them.
class TokenFeed {
 public:
  /// What a configuration needs so that its client's wishes come to a queue of their own.
  static void prepare(rd_kafka_conf_t* conf);

  /// `client` outlives it; `wishes` is its SASL queue.
  TokenFeed(rd_kafka_t* client, QueueHandle wishes, std::shared_ptr<TokenSource> source);
  ~TokenFeed();
  TokenFeed(const TokenFeed&) = delete;
  TokenFeed& operator=(const TokenFeed&) = delete;

 private:
  void serve(const std::stop_token& stop) noexcept;
  void renew(const std::stop_token& stop);
  bool set(const Token& token);

  // Constant after construction.
  rd_kafka_t* const client_;
  const std::shared_ptr<TokenSource> source_;
  const QueueHandle queue_;

  // The thread's.
  // Librdkafka counts by the wall clock, and after a step of that may wish no more.
  TimePoint due_ = kNever;

  std::jthread thread_;  // last: it uses everything above
};

}  // namespace moult::kafka
