/*
 * moult/batch.hpp: batches, and what becomes of their records. Part of <moult/moult.hpp>, which is
 * what handlers include.
 */
#ifndef MOULT_BATCH_HPP
#define MOULT_BATCH_HPP

#include <moult/moult.h>
#include <moult/record.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

namespace moult {
inline namespace sdk {

/// Thrown by a handler that knows how long to wait before the retry, or has an error number for the
/// logs. Any other exception is a retry after the host's configured backoff.
class Retry : public std::runtime_error {
 public:
  explicit Retry(const std::string& message, std::chrono::milliseconds after = {}, int code = 0)
      : std::runtime_error(message), after_(after), code_(code) {}

  std::chrono::milliseconds after() const noexcept { return after_; }
  int code() const noexcept { return code_; }

 private:
  std::chrono::milliseconds after_;
  int code_;
};

/// Thrown by a handler that knows that trying again makes no sense: the record in hand goes where
/// the configuration's `dead_letter` says; without one it is a retry like any other.
class DeadLetter : public std::runtime_error {
 public:
  explicit DeadLetter(const std::string& message, int code = 0)
      : std::runtime_error(message), code_(code) {}

  int code() const noexcept { return code_; }

 private:
  int code_;
};

/// Thrown by a handler that must not go on: its lane stops at the record in hand, for a person to
/// look at.
class Fatal : public std::runtime_error {
 public:
  explicit Fatal(const std::string& message, int code = 0)
      : std::runtime_error(message), code_(code) {}

  int code() const noexcept { return code_; }

 private:
  int code_;
};

/// What a lane has ready, in the order of offsets (gaps are normal). Lives until consume() returns.
///
/// A record is finished when the handler says so: by returning normally (every record before the
/// first retry() is then finished), by ok(), or by moving on in one_by_one(). What is not finished
/// comes again; when consume() throws, or leaves one_by_one() before its end, only ok() and
/// one_by_one() count.
class Batch {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Record;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = Record;

    Iterator(const Batch* batch, std::uint32_t index, bool finishing) noexcept
        : batch_(batch), index_(index), finishing_(finishing) {}
    Record operator*() const noexcept { return (*batch_)[index_]; }
    Iterator& operator++() noexcept {
      if (finishing_) batch_->finish(index_);
      ++index_;
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.index_ == b.index_; }
    friend bool operator!=(const Iterator& a, const Iterator& b) { return a.index_ != b.index_; }

   private:
    const Batch* batch_;
    std::uint32_t index_;
    bool finishing_;
  };

  class OneByOne {
   public:
    explicit OneByOne(const Batch* batch) noexcept : batch_(batch) {}
    Iterator begin() const noexcept {
      batch_->one_by_one_ = true;
      return {batch_, 0, true};
    }
    Iterator end() const noexcept { return {batch_, batch_->size(), true}; }

   private:
    const Batch* batch_;
  };

  Batch(const moult_batch* raw, std::deque<std::string>* errors) noexcept
      : raw_(raw), errors_(errors) {}
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  std::string_view topic() const noexcept { return {raw_->topic, raw_->topic_size}; }
  std::int32_t partition() const noexcept { return raw_->partition; }
  std::uint64_t epoch() const noexcept { return raw_->epoch; }
  /// The partition's end as last heard from the broker; -1 unknown.
  std::int64_t high_watermark() const noexcept { return raw_->high_watermark; }

  std::uint32_t size() const noexcept { return raw_->record_count; }
  bool empty() const noexcept { return raw_->record_count == 0; }
  Record operator[](std::uint32_t index) const noexcept { return {raw_, index}; }

  /// Plain iteration: nothing is finished before consume() returns. The right one for handlers that
  /// collect first and write at the end: a throw then repeats the whole batch, record by record, so
  /// that the one at fault shows.
  Iterator begin() const noexcept { return {this, 0, false}; }
  Iterator end() const noexcept { return {this, size(), false}; }

  /// Iteration that finishes each record when the loop moves on to the next: a throw repeats only
  /// the record in hand and what follows it, and so does leaving the loop early, which counts as a
  /// failure of the record in hand. Only for handlers that are really done with a record
  /// at the end of the loop's body: what they had merely buffered would be lost.
  OneByOne one_by_one() const noexcept { return OneByOne(this); }

  /// This record is finished, whatever happens later in this call.
  void ok(const Record& record) const noexcept {
    moult_outcome_at(raw_, record.index())->code = MOULT_OK;
  }

  /// Runs this record, and what follows it in its lane, again. 0 ms leaves the backoff to the
  /// host's configuration. The host keeps at most 1024 bytes of the message.
  void retry(const Record& record, std::string_view message = {},
             std::chrono::milliseconds after = {}, int code = 0) const noexcept {
    set(record.index(), MOULT_RETRY, message, after, code);
  }

  /// Gives this record up at once: it goes where the configuration's `dead_letter` says (without
  /// one: as retry()). What follows it goes on.
  void dead_letter(const Record& record, std::string_view message = {},
                   int code = 0) const noexcept {
    set(record.index(), MOULT_DEAD_LETTER, message, {}, code);
  }

  /// Finished without having been handled; logged and counted.
  void skip(const Record& record, std::string_view message = {}, int code = 0) const noexcept {
    set(record.index(), MOULT_SKIP, message, {}, code);
  }

  /// Stops the lane at this record, for a person to look at.
  void stop(const Record& record, std::string_view message = {}, int code = 0) const noexcept {
    set(record.index(), MOULT_FATAL, message, {}, code);
  }

  const moult_batch& raw() const noexcept { return *raw_; }

 private:
  template <typename H>
  friend struct Thunks;

  static constexpr std::size_t kMaxError = 1024;

  bool is_unset(std::uint32_t index) const noexcept {
    return moult_outcome_at(raw_, index)->code == MOULT_UNSET;
  }

  void finish(std::uint32_t index) const noexcept {
    if (is_unset(index)) moult_outcome_at(raw_, index)->code = MOULT_OK;
  }

  /// Up to the first retry or stop: what is behind it comes again with it, and a handler that left
  /// its loop there has not even seen it.
  void finish_all() const noexcept {
    for (std::uint32_t i = 0; i < size(); i++) {
      const std::uint32_t code = moult_outcome_at(raw_, i)->code;
      if (code == MOULT_RETRY || code == MOULT_FATAL) return;
      if (one_by_one_ && is_unset(i)) {
        return set(i, MOULT_RETRY, "the handler left one_by_one() at this record", {}, 0);
      }
      finish(i);
    }
  }

  /// A throw: the first unfinished record carries the message, the others stay unset. So does it in
  /// a plain loop over several, where any of them may have been in hand; the host shows them one by
  /// one then.
  void fail(std::uint32_t outcome, std::string_view message, std::chrono::milliseconds after,
            int code) const noexcept {
    const bool is_named = one_by_one_ || size() == 1;
    for (std::uint32_t i = 0; i < size(); i++) {
      if (is_unset(i)) return set(i, is_named ? outcome : MOULT_UNSET, message, after, code);
    }
  }

  void set(std::uint32_t index, std::uint32_t code, std::string_view message,
           std::chrono::milliseconds after, int error_code) const noexcept {
    const std::int64_t most = UINT32_MAX;
    moult_outcome* outcome = moult_outcome_at(raw_, index);
    outcome->code = code;
    outcome->retry_after_ms =
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(after.count(), 0, most));
    outcome->error_code = error_code;
    keep_error(*outcome, message);
  }

  void keep_error(moult_outcome& outcome, std::string_view message) const noexcept {
    try {
      const std::string& kept = errors_->emplace_back(message.substr(0, kMaxError));
      outcome.error = kept.data();
      outcome.error_size = static_cast<std::uint32_t>(kept.size());
    } catch (...) {  // out of memory: the retry stands, without its message
      outcome.error = nullptr;
      outcome.error_size = 0;
    }
  }

  const moult_batch* raw_;
  mutable bool one_by_one_ = false;  // whether such a loop began
  std::deque<std::string>* errors_;  // of the instance: they live until its next call
};

}  // namespace sdk
}  // namespace moult

#endif /* MOULT_BATCH_HPP */
