#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "runtime/base/log.h"
#include "runtime/base/time.h"
#include "runtime/dispatch/types.h"
#include "runtime/kafka/handles.h"

namespace moult::kafka {

/// Lets go of what librdkafka fetched ahead of a partition that nobody pulls: each record of it
/// keeps the whole fetch that it came with in memory, whose other records may be long handled. The
/// partition is paused, which empties its queue, until it is pulled again; then librdkafka fetches
/// on behind the last record that was pulled.
///
/// Thread-safe: the poller sheds and reopens, whoever has the lane's turn pulls.
class FetchGate {
 public:
  /// `pulled_by_all`: bytes, of all partitions of the client. The client and it outlive the gate.
  FetchGate(rd_kafka_t* client, TopicPartition partition, std::atomic<std::uint64_t>& pulled_by_all,
            Logger log);

  /// No shedding while it lives, and fetching goes on. For the time of one pull.
  class Pull {
   public:
    explicit Pull(FetchGate& gate);
    /// What was pulled, keys and values.
    void count(std::uint64_t bytes) { bytes_ += bytes; }
    /// It began again at a lower offset.
    void went_back() { gate_.went_back(); }
    ~Pull();
    Pull(const Pull&) = delete;
    Pull& operator=(const Pull&) = delete;

   private:
    FetchGate& gate_;
    const std::lock_guard<std::mutex> lock_;
    std::uint64_t bytes_ = 0;
  };

  /// More than `most` bytes were pulled, of all partitions, since this one was.
  bool stale(std::uint64_t most);
  /// Unless there is nothing to let go of: an empty queue raises its event with the next record,
  /// which has to be fetched for it. What is in the queue its lane knows of, and comes to pull.
  void shed();
  /// Before the partition goes: librdkafka keeps a pause over an assignment.
  void reopen();
  /// Fetching goes on from `offset`, which may be a logical one, unless it went back by itself
  /// since then. False when it did.
  bool begin_again(Offset offset, TimePoint since);

 private:
  void open();
  void went_back();
  void set_paused(bool paused);

  // Constant after construction.
  rd_kafka_t* const client_;
  const TopicPartition partition_;
  std::atomic<std::uint64_t>& pulled_by_all_;
  const Logger log_;
  const QueueHandle queue_;

  std::mutex mutex_;
  bool shut_ = false;        // guarded by mutex_
  std::uint64_t pulled_at_;  // guarded by mutex_: of all, when this one was pulled last
  bool sent_back_ = false;   // guarded by mutex_: and not there yet
  std::optional<TimePoint> went_back_at_;  // guarded by mutex_: where nobody sent it
};

}  // namespace moult::kafka
