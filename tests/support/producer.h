#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/time.h"
#include "runtime/dispatch/types.h"
#include "runtime/kafka/handles.h"
#include "tests/support/admin.h"

namespace moult::testing {

/// A record's place in the cluster.
struct RecordId {
  TopicPartition partition;
  Offset offset = 0;

  friend auto operator<=>(const RecordId&, const RecordId&) = default;
};

/// What a test sends. `value` left out: `{"seq":N,"pad":"…"}` with the next sequence number of the
/// producer, padded to `size` bytes.
struct NewRecord {
  static constexpr std::int32_t kAnyPartition = RD_KAFKA_PARTITION_UA;

  std::string topic;
  std::int32_t partition = kAnyPartition;
  std::optional<std::string> key = std::nullopt;
  std::optional<std::string> value = std::nullopt;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers = {};  // none: a NULL
  std::size_t size = 0;
  bool tombstone = false;  // no value at all
};

/// Sends records and keeps account of where each has landed: produced() is what a consumer has to
/// handle, no more and no less. Records of aborted transactions are not in it.
class Producer {
 public:
  /// Idempotent, all replicas; `properties` add to that.
  explicit Producer(const std::string& bootstrap, const Properties& properties = {});
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  /// Queues it and returns its sequence number.
  std::int64_t send(const NewRecord& record);
  /// `count` records, spread over the partitions by turns; returns when all are acknowledged.
  void send_sequence(const std::string& topic, int partitions, int count, std::size_t size = 0);
  /// Waits until the broker has acknowledged everything sent; throws when it refused something, or
  /// acknowledged nothing for a time of `silence`.
  void flush(Duration silence = std::chrono::seconds(30));

  /// How many records the broker has. Of one that was sent again it may not say where: then
  /// produced() has it in a wrong place.
  std::size_t acknowledged_records() const { return acknowledged_; }
  /// By place; the mapped value is the sequence number.
  const std::map<RecordId, std::int64_t>& produced() const { return produced_; }

  // With "transactional.id" among the properties. commit() and abort() end what begin() began.
  void begin();
  void commit();
  void abort();

 private:
  bool queue(const NewRecord& record, const std::string& value, std::int64_t sequence,
             rd_kafka_headers_t* headers);
  bool passes(rd_kafka_resp_err_t code, const std::string& topic);
  void acknowledged(const rd_kafka_message_t& message);
  static void delivery_callback(rd_kafka_t* client, const rd_kafka_message_t* message,
                                void* opaque);

  std::int64_t next_ = 0;
  int unknown_ = 0;  // how often a partition was not known yet
  bool in_transaction_ = false;
  std::map<RecordId, std::int64_t> produced_;
  std::map<RecordId, std::int64_t> uncommitted_;
  std::size_t acknowledged_ = 0;
  std::string refused_;         // why the last refused record was
  kafka::ClientHandle client_;  // last: its destruction may still call back
};

}  // namespace moult::testing
