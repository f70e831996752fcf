#pragma once

#include <librdkafka/rdkafka.h>

#include <optional>
#include <string>

#include "runtime/base/time.h"

namespace moult::kafka {

/// Whether the cluster can be talked to. librdkafka says when a connection fails, not whether
/// others still work, and nothing when all is well again, nor when brokers take connections and
/// never answer: an idle consumer would never know. So the group's coordinator is asked now and
/// then, and from the first failure on again and again until it answers. Belongs to the poller
/// thread.
class BrokerWatch {
 public:
  /// A connection failed, or was refused.
  void doubt(TimePoint now);
  /// Whether the doubt has lasted so long that it is no hiccup.
  bool unreachable(TimePoint now) const;
  /// Asks when it is time to and no question is under way; the answer comes to `answers`.
  void ask(rd_kafka_t* client, const std::string& group, const std::string& topic,
           rd_kafka_queue_t* answers, TimePoint now);
  void on_answer(rd_kafka_event_t* event);

 private:
  std::optional<TimePoint> doubted_since_;
  bool asked_ = false;
  TimePoint asked_at_{};  // the last question
};

}  // namespace moult::kafka
