#include "runtime/workers/judgement.h"

#include <algorithm>
#include <utility>

namespace moult {
namespace {

constexpr std::uint32_t kMaxError = 1024;

/// The call failed, and this record is one of those that may be at fault.
bool is_unnamed(const moult_outcome& outcome, bool returned_ok) {
  return outcome.code == MOULT_UNSET && !returned_ok;
}

FailedRecord failed_record(const moult_outcome& outcome, std::size_t index, std::uint32_t attempt,
                           bool returned_ok) {
  FailedRecord record;
  record.index = index;
  record.attempts = attempt;
  record.code = outcome.error_code;
  if (outcome.code == MOULT_RETRY || is_unnamed(outcome, returned_ok)) {
    record.retry_after = Milliseconds(outcome.retry_after_ms);
  }
  if (outcome.error != nullptr) {
    record.error.assign(outcome.error, std::min(outcome.error_size, kMaxError));
  } else if (outcome.code == MOULT_UNSET) {
    record.error = returned_ok ? "the handler left this record without an outcome"
                               : "the handler's consume failed";
  }
  return record;
}

/// A call that failed behind a record that was given up: the handler never got to this one.
bool is_untried(const Judgement& judgement, std::size_t shown_before) {
  return !judgement.given_up.empty() && judgement.given_up.back().index == shown_before;
}

bool used_up(const FailedRecord& record, const GiveUpPolicy& policy) {
  return policy.max_attempts != 0 && record.attempts >= policy.max_attempts;
}

}  // namespace

bool give_up(Judgement& judgement, FailedRecord record, const GiveUpPolicy& policy) {
  judgement.done = record.index;
  switch (policy.action) {
    case GiveUp::kDeadLetter:
    case GiveUp::kSkip:
      judgement.done = record.index + 1;
      judgement.given_up.push_back(std::move(record));
      return true;
    case GiveUp::kStop:
      judgement.stops = true;
      break;
    case GiveUp::kNever:
      break;
  }
  judgement.failed = std::move(record);
  return false;
}

Judgement judge(std::span<const moult_outcome> outcomes, std::span<const std::uint32_t> selected,
                std::size_t count, std::uint32_t attempt, const GiveUpPolicy& policy,
                bool returned_ok) {
  Judgement judgement;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const moult_outcome& outcome = outcomes[i];
    if (outcome.code == MOULT_OK) continue;
    const std::size_t index = selected.empty() ? i : selected[i];
    const bool unnamed = is_unnamed(outcome, returned_ok);
    if (unnamed && i > 0 && is_untried(judgement, selected.empty() ? i - 1 : selected[i - 1])) {
      judgement.done = index;
      return judgement;
    }
    FailedRecord record = failed_record(outcome, index, index == 0 ? attempt : 1, returned_ok);
    if (unnamed && outcomes.size() > 1) {
      judgement.done = index;
      judgement.failed = std::move(record);
      judgement.blames_batch = true;
      return judgement;
    }
    switch (outcome.code) {
      case MOULT_SKIP:
        record.skipped = true;
        judgement.given_up.push_back(std::move(record));
        continue;
      case MOULT_DEAD_LETTER:
        if (give_up(judgement, std::move(record), policy)) continue;
        return judgement;
      case MOULT_FATAL:
        judgement.done = index;
        judgement.failed = std::move(record);
        judgement.stops = true;
        return judgement;
      default:
        break;
    }
    // With the record in front out of the way, those behind it get their first real attempt.
    if (used_up(record, policy)) {
      give_up(judgement, std::move(record), policy);
      return judgement;
    }
    judgement.done = index;
    judgement.failed = std::move(record);
    return judgement;
  }
  judgement.done = count;
  return judgement;
}

bool gives_up(const Judgement& judgement, std::size_t index) {
  return std::ranges::find(judgement.given_up, index, &FailedRecord::index) !=
         judgement.given_up.end();
}

void fail_at(Judgement& judgement, FailedRecord record, const GiveUpPolicy& policy) {
  if (record.index >= judgement.done) return;
  std::erase_if(judgement.given_up,
                [&](const FailedRecord& other) { return other.index >= record.index; });
  judgement.failed.reset();
  judgement.stops = judgement.blames_batch = false;
  if (used_up(record, policy)) {
    give_up(judgement, std::move(record), policy);
  } else {
    judgement.done = record.index;
    judgement.failed = std::move(record);
  }
}

}  // namespace moult
