#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "runtime/base/log.h"
#include "runtime/kafka/producer.h"

namespace moult {

/// The producer of one consumer's handlers, made when it is first needed. Thread-safe.
class Outbox {
 public:
  Outbox(kafka::Properties properties, Logger log)
      : properties_(std::move(properties)), log_(log) {}

  /// Makes the producer, so that what is wrong with its properties is known at the start.
  Status open();
  /// As Producer::produce; a producer that can't be made is a failure at once.
  std::optional<kafka::DeliveryFailure> produce(kafka::OutgoingRecord record,
                                                kafka::Producer::Answer answer);

 private:
  // Constant after construction.
  const kafka::Properties properties_;
  const Logger log_;

  std::mutex making_;
  std::atomic<kafka::Producer*> made_{nullptr};
  std::unique_ptr<kafka::Producer> producer_;  // guarded by making_
};

}  // namespace moult
