#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>

#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/kafka/client_config.h"
#include "runtime/kafka/handles.h"
#include "runtime/kafka/hints.h"
#include "runtime/kafka/outgoing.h"

namespace moult::kafka {

/// Why a message did not get to the broker.
struct DeliveryFailure {
  int code = 0;  // rd_kafka_resp_err_t
  std::string text;
};

bool is_queue_full(const DeliveryFailure& failure);
bool is_too_large(const DeliveryFailure& failure);

/// An idempotent producer, acknowledged by all in-sync replicas. Any thread.
class Producer {
 public:
  /// Runs once, on the producer's own thread; null when the broker has the message.
  using Answer = std::function<void(const DeliveryFailure* failure)>;

  /// `user`: a consumer's properties; those of consumers alone are left out. Connects to nothing.
  static Result<std::unique_ptr<Producer>> make(const Properties& user, Logger log);
  /// Waits a moment for what is queued; what is left is answered as failed.
  ~Producer();

  /// A failure at once (the queue is full, too large, no such name); else `answer` runs later.
  std::optional<DeliveryFailure> produce(OutgoingRecord record, Answer answer);

 private:
  Producer(Properties properties, Logger log)
      : properties_(std::move(properties)), log_(log), hints_(log, "client", "producer") {}

  Status open();
  void serve() noexcept;
  void replace_if_fatal();
  void hint_at(int code);
  static void on_delivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* opaque);
  static void on_error(rd_kafka_t* client, int code, const char* text, void* opaque);
  static void on_log(const rd_kafka_t* client, int level, const char* facility, const char* text);

  // Constant after construction.
  const Properties properties_;
  const Logger log_;

  Hints hints_;
  std::shared_mutex client_mutex_;
  ClientHandle client_;  // guarded by client_mutex_; replaced after a fatal error
  std::atomic<bool> fatal_{false};
  bool unmade_ = false;  // its own thread: the client that is to replace it could not be made
  std::atomic<bool> ending_{false};

  std::thread thread_;  // last: it uses everything above
};

}  // namespace moult::kafka
