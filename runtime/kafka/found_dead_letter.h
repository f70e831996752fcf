#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/dispatch/types.h"
#include "runtime/kafka/handles.h"

namespace moult::kafka {

/// What a record of a dead-letter topic says of itself. Texts are cut: it is meant for people.
struct FoundDeadLetter {
  TopicPartition place;  // in the dead-letter topic
  Offset offset = 0;
  std::int64_t died_at_ms = -1;  // since 1970; -1: not known
  TopicPartition origin;
  Offset origin_offset = 0;
  std::string handler;
  std::string group;     // empty in a trimmed note
  std::string attempts;  // empty in a trimmed note, as are the next two
  std::string error_code;
  std::string error;
  std::optional<std::string> key;
  std::size_t value_size = 0;
};

/// Fails on a record that is no dead letter: it lacks a header that even a trimmed note has.
Result<FoundDeadLetter> find_dead_letter(const rd_kafka_message_t& record);

/// Which dead letters a person asks for.
struct DeadLetterFilter {
  std::string group;
  std::string handler;
  std::string error;  // empty: any; else the error's code, or a part of its text

  bool is_of_handler(const FoundDeadLetter& letter) const;
  bool matches(const FoundDeadLetter& letter) const;
};

}  // namespace moult::kafka
