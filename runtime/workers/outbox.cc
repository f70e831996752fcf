#include "runtime/workers/outbox.h"

#include <utility>

namespace moult {

Status Outbox::open() {
  if (made_.load() != nullptr) return Ok{};
  const std::lock_guard lock(making_);
  if (producer_) return Ok{};
  auto producer = kafka::Producer::make(properties_, log_);
  if (!producer) return Unexpected(producer.error());
  producer_ = std::move(*producer);
  made_ = producer_.get();
  return Ok{};
}

std::optional<kafka::DeliveryFailure> Outbox::produce(kafka::OutgoingRecord record,
                                                      kafka::Producer::Answer answer) {
  if (const Status opened = open(); !opened) {
    return kafka::DeliveryFailure{0, opened.error().message};
  }
  return made_.load()->produce(std::move(record), std::move(answer));
}

}  // namespace moult
