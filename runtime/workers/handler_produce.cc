// What a handler produces, by way of its lane.

#include <string>
#include <thread>

#include "runtime/kafka/outgoing.h"
#include "runtime/workers/lane_runner.h"

namespace moult {
namespace {

// How often a handler that waits for room in the producer's queue looks again.
constexpr Milliseconds kFullWait{5};

bool is_tied(const moult_message& message) { return (message.flags & MOULT_PRODUCE_TIED) != 0; }

void log_undelivered(const Logger& log, std::string_view handler, std::string_view topic,
                     std::string_view error) {
  log.error("what a handler produced was not delivered",
            {{"handler", handler}, {"topic", topic}, {"error", error}});
}

}  // namespace

std::int32_t LaneRunner::produce(const moult_message& message) noexcept {
  const std::string topic =
      settings().topic_prefix + std::string(message.topic, message.topic_size);
  if (message.struct_size < sizeof(moult_message)) return MOULT_PRODUCE_REFUSED;
  const bool tied = is_tied(message);
  if (tied && !deliveries_->ask()) return MOULT_PRODUCE_NOT_NOW;
  // Without a tie the answer may come when the lane is gone; the handler's counters are not.
  const auto answer = [deliveries = tied ? deliveries_ : nullptr, offset = message.tied_offset,
                       topic, log = log_, &counters = counters_,
                       &handler = handler_](const kafka::DeliveryFailure* failure) {
    auto& counter = failure == nullptr ? counters.produced : counters.undelivered;
    counter.fetch_add(1, std::memory_order_relaxed);
    if (failure != nullptr) log_undelivered(log, handler, topic, failure->text);
    if (!deliveries) return;
    if (failure == nullptr) return deliveries->answer();
    deliveries->answer({offset, failure->code, failure->text});
  };
  for (;;) {
    const auto refused = outbox_.produce(kafka::outgoing(topic, message), answer);
    if (!refused) return MOULT_SUCCESS;
    if (kafka::is_queue_full(*refused) && !cancelled()) {
      std::this_thread::sleep_for(kFullWait);
      continue;
    }
    counters_.undelivered.fetch_add(1, std::memory_order_relaxed);
    log_undelivered(log_, handler_, topic, refused->text);
    // The handler is told, but its record must not be finished if that goes unheard.
    if (tied) {
      deliveries_->answer(
          {message.tied_offset, refused->code, refused->text, false, /*at_once=*/true});
    }
    return kafka::is_queue_full(*refused) ? MOULT_PRODUCE_FULL : MOULT_PRODUCE_REFUSED;
  }
}

}  // namespace moult
