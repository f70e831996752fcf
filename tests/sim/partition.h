#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/dispatch/types.h"
#include "tests/sim/trace.h"

namespace moult::sim {

/// Names a record over a whole history, whatever becomes of its offset.
enum class RecordId : std::uint64_t {};

struct Record {
  Offset offset = 0;
  RecordId id{};
};

/// How often each record was finished, and how often it may have been.
class Ledger {
 public:
  /// A record whose handler fails `failures` times before it succeeds.
  RecordId add(std::uint32_t failures);

  /// True when the handler fails it this time.
  bool fails(RecordId id);

  /// `excused`: whoever finishes it has lost its partition, so it may come again elsewhere.
  void finish(RecordId id, bool excused);
  void allow_repeat(RecordId id);

  /// It need not be finished: its log was cut, or the broker itself skips it.
  void forget(RecordId id) { at(id).forgotten = true; }

  bool settled(RecordId id) const { return entry(id).finishes > 0 || entry(id).forgotten; }
  bool all_settled() const;
  bool none_repeated() const;

 private:
  struct Entry {
    std::uint32_t failures_left = 0;
    std::uint32_t finishes = 0;
    std::uint32_t allowed = 1;
    bool forgotten = false;
  };

  Entry& at(RecordId id) { return entries_[static_cast<std::size_t>(id)]; }
  const Entry& entry(RecordId id) const { return entries_[static_cast<std::size_t>(id)]; }

  std::vector<Entry> entries_;
};

/// One partition at the broker: its log and what the group committed.
class Partition {
 public:
  Partition(TopicPartition its_name, HandlerIndex its_handler)
      : name(std::move(its_name)), handler(its_handler) {}

  const TopicPartition name;
  const HandlerIndex handler;

  void append(RecordId id) { log_.push_back(id); }
  /// An offset without a record: compacted away, or a control record.
  void append_gap() { log_.push_back(std::nullopt); }

  /// The log is cut to `end`; 0 when its topic was made anew.
  void truncate(Offset end, Ledger& ledger);

  Offset end() const { return static_cast<Offset>(log_.size()); }
  std::optional<RecordId> at(Offset offset) const { return log_[static_cast<std::size_t>(offset)]; }
  std::uint32_t incarnation() const { return incarnation_; }

  void commit(Offset offset, std::uint32_t incarnation);
  std::optional<Offset> committed() const { return committed_; }
  bool lag_is_zero() const { return committed_ == end() && committed_incarnation_ == incarnation_; }

  /// Something happened after which what was finished and not committed comes again.
  void excuse() { excused_ = true; }

  /// Somebody begins at the committed offset: where that is. Nothing may have been skipped.
  Offset take_over(Ledger& ledger);

 private:
  Offset start_offset() const;

  std::vector<std::optional<RecordId>> log_;
  std::uint32_t incarnation_ = 0;
  std::optional<Offset> committed_;
  std::uint32_t committed_incarnation_ = 0;
  bool excused_ = false;
};

}  // namespace moult::sim
