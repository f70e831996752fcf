#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/time.h"
#include "runtime/workers/lane_settings.h"
#include "sdk/include/moult/moult.h"

namespace moult {

/// A record that its handler failed, or that no handler will see.
struct FailedRecord {
  std::size_t index = 0;       // in the batch
  std::uint32_t attempts = 0;  // so far; 0: no handler saw it
  std::int32_t code = 0;
  std::string error;
  Duration retry_after{0};  // 0: the configured backoff
  bool skipped = false;     // by its handler: no dead letter
  bool trimmed = false;     // its dead letter was too large with all of our headers
};

/// What becomes of a batch.
struct Judgement {
  /// The records of the front that are done with, those given up among them. What follows comes
  /// again, in a batch that begins with it.
  std::size_t done = 0;
  std::vector<FailedRecord> given_up;  // ascending
  std::optional<FailedRecord> failed;  // the record at `done`: again after a backoff
  bool stops = false;                  // … or never, for its lane stops there
  bool blames_batch = false;           // … which may be the fault of any record behind it
};

/// What a batch's outcomes mean. `outcomes` are those of the records at `selected` (all, when it is
/// empty) among the `count` of the batch; the others count as done. `attempt` is that of the first
/// record of the batch, of the others it is the first. A call that failed and names no record gives
/// none up: which of several is at fault shows when each comes alone.
Judgement judge(std::span<const moult_outcome> outcomes, std::span<const std::uint32_t> selected,
                std::size_t count, std::uint32_t attempt, const GiveUpPolicy& policy,
                bool returned_ok);

/// Gives a record up as the policy says. False when the batch ends with it.
bool give_up(Judgement& judgement, FailedRecord record, const GiveUpPolicy& policy);

bool gives_up(const Judgement& judgement, std::size_t index);

/// A record failed after all, for something that its handler had asked for.
void fail_at(Judgement& judgement, FailedRecord record, const GiveUpPolicy& policy);

}  // namespace moult
