#include "runtime/kafka/found_dead_letter.h"

#include <fmt/format.h>

#include <charconv>

#include "runtime/kafka/dead_letter.h"

namespace moult::kafka {
namespace {

namespace header = dead_letter_header;

// A page of letters is held at once. Long enough for a filter to find what it looks for.
constexpr std::size_t kMaxError = 4'096;
constexpr std::size_t kMaxKey = 256;

std::optional<std::string_view> value_of(const rd_kafka_headers_t* headers, const char* name) {
  const void* value = nullptr;
  std::size_t size = 0;
  const auto code = rd_kafka_header_get_last(headers, name, &value, &size);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR || value == nullptr) return std::nullopt;
  return std::string_view(static_cast<const char*>(value), size);
}

template <typename Number>
bool read_number(std::optional<std::string_view> text, Number& into) {
  if (!text) return false;
  const auto* const end = text->data() + text->size();
  const auto [at, error] = std::from_chars(text->data(), end, into);
  return error == std::errc() && at == end && into >= 0;
}

std::string text_of(const rd_kafka_headers_t* headers, const char* name, std::size_t limit) {
  return std::string(value_of(headers, name).value_or("").substr(0, limit));
}

}  // namespace

Result<FoundDeadLetter> find_dead_letter(const rd_kafka_message_t& record) {
  FoundDeadLetter found;
  found.place = {rd_kafka_topic_name(record.rkt), record.partition};
  found.offset = record.offset;
  const auto lacks = [&](const char* name) {
    return failure(fmt::format("{}[{}]@{}: no dead letter of Moult: it has no good header {}",
                               found.place.topic, found.place.partition, found.offset, name));
  };
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&record, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return lacks(header::kTopic);
  }
  found.origin.topic = value_of(headers, header::kTopic).value_or("");
  if (found.origin.topic.empty()) return lacks(header::kTopic);
  if (!read_number(value_of(headers, header::kPartition), found.origin.partition)) {
    return lacks(header::kPartition);
  }
  if (!read_number(value_of(headers, header::kOffset), found.origin_offset)) {
    return lacks(header::kOffset);
  }
  found.handler = value_of(headers, header::kHandler).value_or("");
  if (found.handler.empty()) return lacks(header::kHandler);
  found.group = value_of(headers, header::kGroup).value_or("");
  found.attempts = text_of(headers, header::kAttempts, 16);
  found.error_code = text_of(headers, header::kErrorCode, 16);
  found.error = text_of(headers, header::kError, kMaxError);
  found.died_at_ms = rd_kafka_message_timestamp(&record, nullptr);
  if (record.key != nullptr) {
    found.key.emplace(static_cast<const char*>(record.key), std::min(record.key_len, kMaxKey));
  }
  found.value_size = record.len;
  return found;
}

/// A trimmed note does not say the group; the names of handlers differ within a config.
bool DeadLetterFilter::is_of_handler(const FoundDeadLetter& letter) const {
  return letter.handler == handler && (letter.group.empty() || letter.group == group);
}

bool DeadLetterFilter::matches(const FoundDeadLetter& letter) const {
  if (!is_of_handler(letter)) return false;
  return error.empty() || letter.error_code == error ||
         letter.error.find(error) != letter.error.npos;
}

}  // namespace moult::kafka
