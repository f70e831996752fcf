#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/time.h"
#include "runtime/kafka/dead_letter_reader.h"
#include "runtime/kafka/found_dead_letter.h"
#include "runtime/kafka/replay_producer.h"

namespace moult::kafka {

struct ReplayOptions {
  std::string error;        // empty: whatever it was
  std::uint64_t limit = 0;  // 0: none
  bool dry_run = false;     // counts, and changes nothing
};

struct ReplayCounts {
  std::uint64_t replayed = 0;
  std::uint64_t passed_over = 0;  // other handlers' letters, and records that are none
  std::uint64_t strangers = 0;    // of those: records that are no dead letters
  std::uint64_t left = 0;         // of this handler, for another replay
  std::uint64_t homeless = 0;     // of those: their topics do not exist
  bool left_at_most = false;      // `left` is a bound: not all was read
  std::string first_stranger;     // which, and why it is one
  std::string first_homeless;     // likewise
};

/// Puts the dead letters of one handler that have not been replayed yet back on their topics, each
/// exactly once for readers of committed records, however often the process is killed in between.
/// It goes as far as the topic did when it began, so that a handler which fails on them again makes
/// no loop.
class DeadLetterReplay {
 public:
  using Progress = std::function<void(const ReplayCounts&)>;

  DeadLetterReplay(DeadLetterSource source, ReplayOptions options, Progress progress);

  /// Once. The counts hold also after a failure.
  Status run();
  const ReplayCounts& counts() const { return counts_; }
  /// It knows where it stands; before that the counts say nothing.
  bool began() const { return began_; }

 private:
  /// How far one partition was read.
  struct Scan {
    Offset next = 0;
    bool behind_open = false;  // the last record read has to wait
  };

  Status prepare();
  Status read_all();
  Status take(const rd_kafka_message_t& record);
  Status take_letter(const FoundDeadLetter& letter, const rd_kafka_message_t& record);
  Status replay(const FoundDeadLetter& letter, const rd_kafka_message_t& record,
                std::int32_t partition);
  void leave(const rd_kafka_message_t& record);
  void leave_homeless(const FoundDeadLetter& letter, const rd_kafka_message_t& record);
  Unexpected<Error> too_many_gaps(const rd_kafka_message_t& record) const;
  bool finish(std::int32_t partition, Offset offset, Offset end);
  void pass_over(const rd_kafka_message_t& record);
  Result<std::optional<std::int32_t>> original_partition(const FoundDeadLetter& letter);
  bool batch_is_full() const;
  Status commit();
  void finish_ends();
  void count_unread();

  // Constant after construction.
  const DeadLetterSource source_;
  const ReplayOptions options_;
  const DeadLetterFilter filter_;
  const Progress progress_;

  std::unique_ptr<DeadLetterReader> reader_;
  std::unique_ptr<ReplayProducer> producer_;  // none in a dry run
  ReplayPositions positions_;                 // with what is under way
  ReplayPositions committed_;
  std::map<std::int32_t, Scan> scans_;
  std::map<std::string, std::optional<int>> partition_counts_;  // of original topics that exist
  ReplayCounts counts_;
  bool began_ = false;
  std::uint64_t asked_ = 0;  // replayed, or under way
  std::size_t batch_records_ = 0;
  std::size_t batch_bytes_ = 0;
  TimePoint batch_begun_;
};

}  // namespace moult::kafka
