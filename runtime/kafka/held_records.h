#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/dispatch/types.h"
#include "runtime/kafka/handles.h"
#include "sdk/include/moult/moult.h"

namespace moult::kafka {

/// Records taken out of a partition queue and not finished yet, in order. Borrowed from
/// librdkafka's fetch buffers: bound what is held by bytes.
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
  const rd_kafka_message_t* message(std::size_t index) const { return held_[first_ + index].get(); }

  void push_back(MessageHandle record) { held_.push_back(std::move(record)); }
  void move_front_to(HeldRecords& other);
  void drop_front(std::size_t count);
  /// Gives back the places of what was dropped.
  void compact();

 private:
  static std::optional<std::string_view> text(const void* data, std::size_t size) {
    if (data == nullptr) return std::nullopt;
    return std::string_view(static_cast<const char*>(data), size);
  }

  std::vector<MessageHandle> held_;  // those before first_ are dropped
  std::size_t first_ = 0;
};

}  // namespace moult::kafka
