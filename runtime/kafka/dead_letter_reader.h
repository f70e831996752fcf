#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/time.h"
#include "runtime/dispatch/types.h"
#include "runtime/kafka/client_config.h"
#include "runtime/kafka/handles.h"
#include "runtime/kafka/replay_position.h"

namespace moult::kafka {

using OffsetRanges = std::map<std::int32_t, OffsetRange>;  // by partition
using ReplayPositions = std::map<std::int32_t, ReplayPosition>;

/// Where the dead letters of one handler are, and how to get there.
struct DeadLetterSource {
  std::string topic;  // its dead-letter topic
  std::string group;  // its consumer's
  std::string handler;
  Properties properties;

  /// The group whose committed offsets are the replay's position, and the transactional id. One for
  /// each handler: handlers may share a topic, and each is replayed by itself.
  std::string replay_group() const;
};

/// Reads a dead-letter topic by ranges of offsets: joins no group, commits nothing. One thread.
/// Every call has a bound, and says in its error what the brokers answered.
class DeadLetterReader {
 public:
  /// Asks for the topic's partitions and what they hold now. A topic that does not exist has none.
  static Result<std::unique_ptr<DeadLetterReader>> open(const DeadLetterSource& source);

  bool topic_exists() const { return topic_exists_; }

  /// What the topic held when it was opened. Empty partitions are there too.
  const OffsetRanges& held() const { return held_; }

  enum class Read {
    kStable,   // waits for a transaction that is about to move them
    kCurrent,  // as they are now
  };
  /// Where the replay has come to; never before what the topic holds.
  Result<ReplayPositions> positions(Read how);

  /// Nothing when there is no such topic.
  Result<std::optional<int>> partition_count(const std::string& topic);

  /// Goes to the beginnings of these ranges.
  Status seek(OffsetRanges ranges);
  /// The next record of them, or none yet. Fails when nothing has come for long.
  Result<MessageHandle> next();
  /// All of them have been read.
  bool finished() const { return ahead_.empty(); }

 private:
  explicit DeadLetterReader(DeadLetterSource source) : source_(std::move(source)) {}

  Status make_client();
  Status ask_held();
  Result<EventHandle> ask_positions(Read how);
  std::string last_error();
  Status keep(const rd_kafka_message_t& mark);
  bool keep_record(const rd_kafka_message_t& record);
  static void on_error(rd_kafka_t* client, int code, const char* text, void* opaque);

  const DeadLetterSource source_;
  bool topic_exists_ = false;
  OffsetRanges held_;
  OffsetRanges ahead_;
  TimePoint last_progress_;
  std::string last_error_;  // of librdkafka, told while we poll
  ClientHandle client_;     // last: its destruction may still call back
};

}  // namespace moult::kafka
