#include "runtime/kafka/dead_letter_replay.h"

#include <fmt/format.h>

#include <utility>

namespace moult::kafka {
namespace {

constexpr std::size_t kBatchRecords = 500;
constexpr std::size_t kBatchBytes = 4ULL * 1024 * 1024;
// Readers of committed records wait behind an open transaction.
constexpr std::chrono::seconds kBatchAge{1};

}  // namespace

DeadLetterReplay::DeadLetterReplay(DeadLetterSource source, ReplayOptions options,
                                   Progress progress)
    : source_(std::move(source)),
      options_(std::move(options)),
      filter_{source_.group, source_.handler, options_.error},
      progress_(std::move(progress)) {}

Status DeadLetterReplay::run() {
  if (Status ready = prepare(); !ready) return ready;
  Status read = read_all();
  if (read) finish_ends();
  // What was good before a failure is kept: the next replay goes on behind it.
  if (producer_ && positions_ != committed_) {
    Status kept = commit();
    if (read) read = std::move(kept);
  }
  if (!read) count_unread();
  return read;
}

Status DeadLetterReplay::prepare() {
  auto reader = DeadLetterReader::open(source_);
  if (!reader) return Unexpected(reader.error());
  reader_ = std::move(*reader);
  if (!reader_->topic_exists()) {
    return failure(fmt::format("dead letters: topic '{}' does not exist", source_.topic));
  }
  // The producer first: whatever ran before can't move the position any more once it is there.
  if (!options_.dry_run) {
    auto producer = ReplayProducer::make(source_);
    if (!producer) return Unexpected(producer.error());
    producer_ = std::move(*producer);
  }
  auto positions = reader_->positions(options_.dry_run ? DeadLetterReader::Read::kCurrent
                                                       : DeadLetterReader::Read::kStable);
  if (!positions) return Unexpected(positions.error());
  positions_ = std::move(*positions);
  committed_ = positions_;
  began_ = true;
  OffsetRanges ranges;
  for (const auto& [partition, held] : reader_->held()) {
    const Offset from = positions_.at(partition).next();
    ranges[partition] = {from, held.end};
    scans_[partition].next = from;
  }
  return reader_->seek(std::move(ranges));
}

Status DeadLetterReplay::read_all() {
  while (!reader_->finished()) {
    auto record = reader_->next();
    if (!record) return Unexpected(record.error());
    if (*record) {
      if (Status taken = take(**record); !taken) return taken;
    }
    if (batch_is_full()) {
      if (Status done = commit(); !done) return done;
    }
    progress_(counts_);
  }
  return Ok{};
}

// ---- One record ---------------------------------------------------------------------------------

Status DeadLetterReplay::take(const rd_kafka_message_t& record) {
  if (positions_.at(record.partition).done(record.offset)) {
    finish(record.partition, record.offset, record.offset + 1);
    return Ok{};
  }
  const auto letter = find_dead_letter(record);
  if (letter) return take_letter(*letter, record);
  if (counts_.strangers++ == 0) counts_.first_stranger = letter.error().message;
  pass_over(record);
  return Ok{};
}

Status DeadLetterReplay::take_letter(const FoundDeadLetter& letter,
                                     const rd_kafka_message_t& record) {
  if (!filter_.is_of_handler(letter)) {
    pass_over(record);
    return Ok{};
  }
  const bool wanted = options_.limit == 0 || asked_ < options_.limit;
  if (!wanted || !filter_.matches(letter)) {
    leave(record);
    return Ok{};
  }
  const auto partition = original_partition(letter);
  if (!partition) return Unexpected(partition.error());
  if (*partition) return replay(letter, record, **partition);
  leave_homeless(letter, record);
  return Ok{};
}

/// The position does not go over it.
void DeadLetterReplay::leave(const rd_kafka_message_t& record) {
  scans_.at(record.partition) = {record.offset + 1, true};
  ++counts_.left;
}

/// Its topic may be made again, or it may be deleted with the others: that is not ours to say.
void DeadLetterReplay::leave_homeless(const FoundDeadLetter& letter,
                                      const rd_kafka_message_t& record) {
  leave(record);
  if (counts_.homeless++ > 0) return;
  counts_.first_homeless =
      fmt::format("{}[{}]@{} can't go back: topic '{}' does not exist", letter.place.topic,
                  letter.place.partition, letter.offset, letter.origin.topic);
}

void DeadLetterReplay::pass_over(const rd_kafka_message_t& record) {
  ++counts_.passed_over;
  finish(record.partition, record.offset, record.offset + 1);
}

Status DeadLetterReplay::replay(const FoundDeadLetter& letter, const rd_kafka_message_t& record,
                                std::int32_t partition) {
  const ReplayPosition before = positions_.at(record.partition);
  if (!finish(record.partition, record.offset, record.offset + 1)) return too_many_gaps(record);
  ++asked_;
  if (!producer_) {
    ++counts_.replayed;
    return Ok{};
  }
  Status sent = Ok{};
  if (!producer_->open()) {
    batch_begun_ = Clock::now();
    sent = producer_->begin();
  }
  if (sent) sent = producer_->produce(record, letter.origin.topic, partition);
  if (!sent) {
    positions_.insert_or_assign(record.partition, before);
    return sent;
  }
  ++batch_records_;
  batch_bytes_ += record.len + record.key_len;
  return Ok{};
}

Unexpected<Error> DeadLetterReplay::too_many_gaps(const rd_kafka_message_t& record) const {
  return failure(fmt::format(
      "{}[{}]@{}: too many letters in between wait for another replay: their places no longer fit "
      "into the position's metadata; {}",
      source_.topic, record.partition, record.offset,
      counts_.homeless > 0 ? "make the topics that are gone again: " + counts_.first_homeless
                           : "replay without --error and --limit first"));
}

/// Where it came from, so that it is with the others of its key. A partition that is gone leaves
/// the choice to the producer; nothing when the whole topic is.
Result<std::optional<std::int32_t>> DeadLetterReplay::original_partition(
    const FoundDeadLetter& letter) {
  auto known = partition_counts_.find(letter.origin.topic);
  if (known == partition_counts_.end()) {
    const auto count = reader_->partition_count(letter.origin.topic);
    if (!count) {
      return failure(fmt::format("{}[{}]@{} can't go back: {}", letter.place.topic,
                                 letter.place.partition, letter.offset, count.error().message));
    }
    known = partition_counts_.emplace(letter.origin.topic, *count).first;
  }
  const std::optional<int> count = known->second;
  if (!count) return std::optional<std::int32_t>();
  const bool exists = letter.origin.partition < *count;
  return std::optional(exists ? letter.origin.partition : RD_KAFKA_PARTITION_UA);
}

// ---- The position -------------------------------------------------------------------------------

/// The offsets from `offset` to `end` are dealt with, and so is the gap before them, unless the
/// record before it has to wait. False when that can't be told any more.
bool DeadLetterReplay::finish(std::int32_t partition, Offset offset, Offset end) {
  Scan& scan = scans_.at(partition);
  ReplayPosition& position = positions_.at(partition);
  ReplayPosition moved = position;
  moved.finish(scan.behind_open ? offset : scan.next, end);
  scan.next = end;
  if (!moved.fits()) {
    scan.behind_open = true;
    return false;
  }
  scan.behind_open = false;
  position = std::move(moved);
  return true;
}

/// What lies between the last records and the ends are no records.
void DeadLetterReplay::finish_ends() {
  for (const auto& [partition, held] : reader_->held()) {
    const Scan& scan = scans_.at(partition);
    if (!scan.behind_open && scan.next < held.end) finish(partition, scan.next, held.end);
  }
}

bool DeadLetterReplay::batch_is_full() const {
  if (!producer_ || !producer_->open()) return false;
  return batch_records_ >= kBatchRecords || batch_bytes_ >= kBatchBytes ||
         Clock::now() - batch_begun_ >= kBatchAge;
}

Status DeadLetterReplay::commit() {
  ReplayPositions changed;
  for (const auto& [partition, position] : positions_) {
    if (position != committed_.at(partition)) changed.emplace(partition, position);
  }
  Status done = producer_->open() ? Status(Ok{}) : producer_->begin();
  if (done) done = producer_->commit(changed);
  if (!done) {
    producer_->abort();
    positions_ = committed_;
    return done;
  }
  committed_ = positions_;
  counts_.replayed += std::exchange(batch_records_, 0);
  batch_bytes_ = 0;
  return Ok{};
}

/// After a failure: everything that is not known to be done, of whatever handler it is.
void DeadLetterReplay::count_unread() {
  counts_.left = 0;
  counts_.left_at_most = true;
  for (const auto& [partition, held] : reader_->held()) {
    counts_.left += static_cast<std::uint64_t>(committed_.at(partition).open(0, held.end));
  }
}

}  // namespace moult::kafka
