#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/base/time.h"
#include "runtime/config/config.h"
#include "runtime/kafka/consumer.h"
#include "runtime/reload/reloader.h"
#include "runtime/workers/lane_table.h"

namespace moult {

/// What one handler did, for the summary at the end.
struct HandlerTotals {
  std::string group;
  std::string handler;
  std::uint64_t records = 0;
  std::uint64_t batches = 0;
  std::uint64_t lanes = 0;
  std::uint64_t failures = 0;
  std::uint64_t dead_letters = 0;
  std::uint64_t skipped = 0;
  Duration active{0};  // from the start of its first batch to the end of its last
};

/// One consumer of the config with all that it needs: its handlers' generations and workers, the
/// table of its lanes, its membership. Made by the control thread, ended in the opposite order.
class Membership {
 public:
  /// Loads every plugin, then makes the Kafka client, which joins nothing yet.
  static Result<std::unique_ptr<Membership>> make(const Config& config,
                                                  const ConsumerConfig& consumer,
                                                  const std::filesystem::path& staging, Logger log);

  ~Membership();

  kafka::Consumer& consumer() { return *consumer_; }
  const std::string& group() const { return group_; }
  std::vector<HandlerTotals> totals() const;
  /// Once the consumer is closed: whether no worker has anything left to do; false when one has at
  /// `until`. A lane that ends does not wait for its instance of another generation.
  bool wait_idle(TimePoint until);
  /// The handlers that `names` (of handlers or of the group; none: all) mean, paused or not.
  /// Returns those that were meant.
  std::vector<std::string> pause(const std::vector<std::string>& names, bool paused);
  /// As the config had it at the start. Before the consumer starts.
  ReloadGroup reload_group();

 private:
  Membership() = default;

  std::string group_;
  ActiveHandlers handlers_;
  std::vector<RunningHandler> first_;  // by HandlerIndex
  std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<LaneTable> lanes_;
  std::unique_ptr<kafka::Consumer> consumer_;
};

/// Of all their handlers.
std::vector<HandlerTotals> totals_of(const std::vector<std::unique_ptr<Membership>>& memberships);

/// The librdkafka properties of a consumer, without their places, with the source of its tokens.
kafka::Properties properties_of(const ConsumerConfig& consumer);

}  // namespace moult
