#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/kafka/held_records.h"
#include "runtime/kafka/outgoing.h"

namespace moult::kafka {

/// The headers that a dead letter has beside those of its record. DESIGN.md has them in a table.
namespace dead_letter_header {
inline constexpr std::string_view kPrefix = "moult-";  // ours, replaced on a second dead-lettering
inline constexpr const char* kTopic = "moult-topic";
inline constexpr const char* kPartition = "moult-partition";
inline constexpr const char* kOffset = "moult-offset";
inline constexpr const char* kTimestamp = "moult-timestamp";
inline constexpr const char* kGroup = "moult-group";
inline constexpr const char* kHandler = "moult-handler";
inline constexpr const char* kPlugin = "moult-plugin";
inline constexpr const char* kBuildId = "moult-build-id";
inline constexpr const char* kAttempts = "moult-attempts";
inline constexpr const char* kErrorCode = "moult-error-code";
inline constexpr const char* kError = "moult-error";
}  // namespace dead_letter_header

/// Why a record is dead, and who says so.
struct DeadLetterNote {
  std::string_view dead_letter_topic;
  std::string_view topic;
  std::int32_t partition = 0;
  std::string_view group;
  std::string_view handler;
  std::string_view plugin;  // name and version
  std::string_view build_id;
  std::uint32_t attempts = 0;  // 0: no handler saw it
  std::int32_t error_code = 0;
  std::string_view error;
};

enum class NoteSize : std::uint8_t {
  kWhole,
  kTrimmed,  // where it came from alone: for a record that is as large as a record may be
};

/// Of a record's headers those that are no note's: all of them, before it died the first time. Null
/// when there are none.
HeadersHandle original_headers(const rd_kafka_headers_t* all);

/// The copy of a record with its key, value and headers as they are, and the note as headers.
OutgoingRecord dead_letter(const HeldRecords& records, std::size_t index,
                           const DeadLetterNote& note, NoteSize size);

}  // namespace moult::kafka
