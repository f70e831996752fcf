#pragma once

#include <memory>
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/time.h"

namespace moult::kafka {

/// librdkafka's mock cluster: a Kafka broker in this process, with real sockets on loopback, so
/// that any Kafka client can talk to it. For development; it keeps everything in memory.
class MockBroker {
 public:
  static Result<std::unique_ptr<MockBroker>> start();
  virtual ~MockBroker() = default;

  virtual const std::string& bootstrap_servers() const = 0;
  virtual Result<Ok> create_topic(const std::string& topic, int partitions) = 0;
  /// From now on each answer takes that long.
  virtual void answer_after(Milliseconds delay) = 0;
};

}  // namespace moult::kafka
