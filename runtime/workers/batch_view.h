#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/kafka/partition_source.h"
#include "runtime/plugin/generation.h"
#include "sdk/include/moult/moult.h"

namespace moult {

/// The arrays that a batch is shown to a plugin in. Belongs to one worker thread and is used again
/// for every batch, so that a thousand idle lanes cost nothing.
class BatchView {
 public:
  /// Shows the first `count` records held by `source`, alive until the source drops them or the
  /// next build(). `attempt` is that of the first record.
  const moult_batch& build(const kafka::PartitionSource& source, std::size_t count,
                           std::uint32_t attempt, const LaneIdentity& lane,
                           std::uint64_t capabilities);

  std::span<const moult_outcome> outcomes() const { return outcomes_; }

 private:
  void add_headers(const kafka::PartitionSource& source);
  void pad_values();

  std::vector<moult_record> records_;
  std::vector<moult_outcome> outcomes_;
  std::vector<moult_header> headers_;
  std::vector<std::uint8_t> padded_;
  moult_batch batch_{};
};

}  // namespace moult
