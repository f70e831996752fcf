#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/time.h"
#include "tests/support/ledger.h"
#include "tests/support/producer.h"

namespace moult::testing {

/// Records that come at one rate, as in production, while it lives: what a deploy meets. The
/// producer is this object's as long as that.
class SteadyTraffic {
 public:
  SteadyTraffic(Producer& producer, std::string topic, int partitions, int per_second);
  ~SteadyTraffic() { join(); }
  SteadyTraffic(const SteadyTraffic&) = delete;
  SteadyTraffic& operator=(const SteadyTraffic&) = delete;

  /// Returns when all is acknowledged. Throws what the producer said against it.
  void end();
  /// Records a second, from the first to the last. Call it after end().
  double rate() const;
  /// When each was sent, by its sequence number less first(): ns of the monotonic clock.
  const std::vector<std::int64_t>& sent_ns() const { return sent_ns_; }
  std::int64_t first() const { return first_; }

 private:
  void run();
  void join();

  Producer& producer_;
  const std::string topic_;
  const int partitions_;
  const int per_second_;
  std::int64_t first_ = -1;
  std::vector<std::int64_t> sent_ns_;
  std::string failure_;
  std::atomic<bool> ending_{false};
  std::thread thread_;  // last
};

/// What the records of some traffic met, as a person would judge a deploy by.
struct Journey {
  double longest_gap_ms = 0;  // in which not one record was handled
  double median_ms = 0;       // from sending a record to the end of its handling
  double p99_ms = 0;
  double longest_ms = 0;

  std::string to_string() const;
};

Journey journey_of(const SteadyTraffic& traffic, const Entries& entries);

}  // namespace moult::testing
