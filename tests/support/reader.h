#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/admin.h"

namespace moult::testing {

/// The offsets of all records that a plain consumer sees from the beginning of a partition to its
/// end. Throws when it does not get there.
std::vector<Offset> offsets_in(const std::string& bootstrap, const TopicPartition& partition,
                               const Properties& properties = {});

using Bytes = std::optional<std::string>;  // none: a NULL
using HeaderList = std::vector<std::pair<std::string, Bytes>>;

/// A record with all of its bytes.
struct ReadRecord {
  Offset offset = 0;
  Bytes key;
  Bytes value;
  std::int64_t timestamp_ms = -1;
  HeaderList headers;  // in their order

  /// The values of all headers of that name.
  std::vector<Bytes> all_of(const std::string& name) const;
  /// The value of the only one; throws when there is none, or another one.
  std::string header(const std::string& name) const;
};

/// The same, with what is in them.
std::vector<ReadRecord> records_in(const std::string& bootstrap, const TopicPartition& partition,
                                   const Properties& properties = {});

}  // namespace moult::testing
