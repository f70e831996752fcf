#include "runtime/kafka/dead_letter.h"

#include <string>

namespace moult::kafka {
namespace {

constexpr std::size_t kNoteHeaders = 11;

void add(rd_kafka_headers_t* headers, const char* name, std::string_view value) {
  rd_kafka_header_add(headers, name, -1, value.data(), static_cast<ssize_t>(value.size()));
}

void add(rd_kafka_headers_t* headers, const char* name, std::int64_t value) {
  add(headers, name, std::to_string(value));
}

}  // namespace

HeadersHandle original_headers(const rd_kafka_headers_t* all) {
  if (all == nullptr) return nullptr;
  HeadersHandle originals(rd_kafka_headers_new(rd_kafka_header_cnt(all)));
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       rd_kafka_header_get_all(all, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    if (std::string_view(name).starts_with(dead_letter_header::kPrefix)) continue;
    rd_kafka_header_add(originals.get(), name, -1, value, static_cast<ssize_t>(size));
  }
  if (rd_kafka_header_cnt(originals.get()) == 0) return nullptr;
  return originals;
}

OutgoingRecord dead_letter(const HeldRecords& records, std::size_t index,
                           const DeadLetterNote& note, NoteSize size) {
  namespace header = dead_letter_header;
  const rd_kafka_message_t* record = records.message(index);
  OutgoingRecord copy;
  copy.topic = note.dead_letter_topic;
  copy.key = record->key;
  copy.key_size = record->key_len;
  copy.value = record->payload;
  copy.value_size = record->len;
  copy.headers = original_headers(records.headers(index));
  if (!copy.headers) copy.headers.reset(rd_kafka_headers_new(kNoteHeaders));
  rd_kafka_headers_t* headers = copy.headers.get();
  add(headers, header::kTopic, note.topic);
  add(headers, header::kPartition, note.partition);
  add(headers, header::kOffset, record->offset);
  add(headers, header::kHandler, note.handler);
  if (size == NoteSize::kTrimmed) return copy;
  add(headers, header::kTimestamp, records.timestamp(index));
  add(headers, header::kGroup, note.group);
  add(headers, header::kPlugin, note.plugin);
  add(headers, header::kBuildId, note.build_id);
  add(headers, header::kAttempts, note.attempts);
  add(headers, header::kErrorCode, note.error_code);
  add(headers, header::kError, note.error);
  return copy;
}

}  // namespace moult::kafka
