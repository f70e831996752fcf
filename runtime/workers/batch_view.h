#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/kafka/held_records.h"
#include "runtime/plugin/generation.h"
#include "sdk/include/moult/moult.h"

namespace moult {

/// The arrays that a batch is shown to a plugin in. Belongs to one worker thread and is used again
/// for every batch, so that a thousand idle lanes cost nothing.
class BatchView {
 public:
  /// Which of the held records a batch shows, alive until they are dropped or the next build().
  struct Choice {
    const kafka::HeldRecords& held;
    std::size_t count;                        // from the front
    std::span<const std::uint32_t> selected;  // among them; all when it is empty
    std::uint32_t attempt;                    // of the first record held

    std::size_t size() const { return selected.empty() ? count : selected.size(); }
    std::size_t index(std::size_t i) const { return selected.empty() ? i : selected[i]; }
  };
  const moult_batch& build(const Choice& choice, std::int64_t high_watermark,
                           const LaneIdentity& lane, std::uint64_t capabilities);

  std::span<const moult_outcome> outcomes() const { return outcomes_; }

 private:
  void add_headers(const Choice& choice);
  void pad_values();

  std::vector<moult_record> records_;
  std::vector<moult_outcome> outcomes_;
  std::vector<moult_header> headers_;
  std::vector<std::uint8_t> padded_;
  moult_batch batch_{};
};

}  // namespace moult
