#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "runtime/base/result.h"
#include "runtime/kafka/client_config.h"
#include "runtime/kafka/dead_letter_reader.h"
#include "runtime/kafka/handles.h"

namespace moult::kafka {

/// Puts dead letters back where they came from, in transactions that carry the replay's position
/// as well: both are there, or neither. One thread. After an error, abort() and give up.
class ReplayProducer {
 public:
  /// Fences off a replay of the same handler that still runs, and ends what a killed one left
  /// behind. Ask for the position after that.
  static Result<std::unique_ptr<ReplayProducer>> make(const DeadLetterSource& source);
  ~ReplayProducer();

  Status begin();
  bool open() const { return open_; }
  /// The record as it was before it died. `partition` may be RD_KAFKA_PARTITION_UA.
  Status produce(const rd_kafka_message_t& letter, const std::string& topic,
                 std::int32_t partition);
  Status commit(const ReplayPositions& positions);
  void abort();

 private:
  explicit ReplayProducer(DeadLetterSource source) : source_(std::move(source)) {}

  Status make_client();
  Status send_offsets(const ReplayPositions& positions);
  Status check(rd_kafka_error_t* error, const char* what);
  static void on_delivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* opaque);
  static void on_error(rd_kafka_t* client, int code, const char* text, void* opaque);

  const DeadLetterSource source_;
  bool open_ = false;
  std::string refused_;     // why the first record of the transaction did not get there
  std::string last_error_;  // of librdkafka
  ClientHandle client_;     // last: its destruction may still call back
};

}  // namespace moult::kafka
