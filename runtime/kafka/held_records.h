#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/dispatch/types.h"
#include "runtime/kafka/handles.h"
#include "sdk/include/moult/moult.h"

namespace moult::kafka {

/// Null when it has none; they live as long as it.
const rd_kafka_headers_t* headers_of(const rd_kafka_message_t& message);

/// Records taken out of a partition queue and not finished yet, in order. Borrowed from
/// librdkafka's fetch buffers, each of which is kept as a whole for one record out of it: bound
/// what is held by bytes, and own what is held for long.
class HeldRecords {
 public:
  std::size_t size() const { return held_.size() - first_; }
  bool empty() const { return size() == 0; }

  std::size_t bytes(std::size_t index) const {  // key and value
    return message(index)->len + message(index)->key_len;
  }
  Offset offset(std::size_t index) const { return message(index)->offset; }
  /// Nothing when there is none; they live as long as the record is held.
  std::optional<std::string_view> key(std::size_t index) const {
    return text(message(index)->key, message(index)->key_len);
  }
  std::optional<std::string_view> value(std::size_t index) const {
    return text(message(index)->payload, message(index)->len);
  }
  /// Sets every field of `into`, with no headers; its views live as long as the record is held.
  void show(std::size_t index, moult_record& into) const;
  /// Appends the headers of a record; the views live as long as the record is held.
  void append_headers(std::size_t index, std::vector<moult_header>& into) const;
  /// Not for librdkafka's functions, which would look behind it for more.
  const rd_kafka_message_t* message(std::size_t index) const {
    const Record& record = held_[first_ + index];
    return record.own ? &record.own->message : record.borrowed.get();
  }
  std::int64_t timestamp(std::size_t index, rd_kafka_timestamp_type_t* type = nullptr) const;
  /// Null when it has none; they live as long as the record is held.
  const rd_kafka_headers_t* headers(std::size_t index) const;

  void push_back(MessageHandle record) { held_.push_back({std::move(record), nullptr}); }
  /// Moves those from `index` on out of the fetches that they came with. What was shown of them is
  /// void.
  void own(std::size_t index);
  void move_front_to(HeldRecords& other);
  void drop_front(std::size_t count);
  /// Gives back the places of what was dropped.
  void compact();

 private:
  /// A record in memory of its own.
  struct Own {
    rd_kafka_message_t message{};
    std::int64_t timestamp = 0;
    rd_kafka_timestamp_type_t timestamp_type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    HeadersHandle headers;
    std::string bytes;  // key, then value
  };
  struct Record {  // one of the two
    MessageHandle borrowed;
    std::unique_ptr<Own> own;
  };

  static std::unique_ptr<Own> copy_of(const rd_kafka_message_t& message);

  static std::optional<std::string_view> text(const void* data, std::size_t size) {
    if (data == nullptr) return std::nullopt;
    return std::string_view(static_cast<const char*>(data), size);
  }

  std::vector<Record> held_;  // those before first_ are dropped
  std::size_t first_ = 0;
};

}  // namespace moult::kafka
