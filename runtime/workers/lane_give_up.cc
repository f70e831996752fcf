// Records that a lane gives up: skipped, or copied to a dead-letter topic.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "runtime/kafka/dead_letter.h"
#include "runtime/workers/lane_runner.h"

namespace moult {

/// Skips, or sends dead letters. False when the turn waits for their acknowledgement.
bool LaneRunner::give_up_records() {
  if (seat_->run().on_probation()) hold_given_up();
  if (judgement_.given_up.empty()) return true;
  if (settings().give_up.action != GiveUp::kDeadLetter) {
    for (const FailedRecord& record : judgement_.given_up) skip(record);
    return true;
  }
  deliveries_->begin();
  waiting_ = Waiting::kDeadLetters;
  for (const FailedRecord& record : judgement_.given_up) {
    if (record.skipped) {
      skip(record);
    } else {
      produce_dead_letter(record, record.trimmed);
    }
  }
  return deliveries_->close();
}

/// What a generation on probation can't do the one before may be able to: the lane waits there.
/// What was handled behind it is not handled again.
void LaneRunner::hold_given_up() {
  std::vector<FailedRecord>& given_up = judgement_.given_up;
  const auto first = std::ranges::find(given_up, false, &FailedRecord::skipped);
  if (first == given_up.end()) return;
  for (std::size_t i = first->index + 1; i < judgement_.done; ++i) {
    verdicts_.try_emplace(held_.offset(i), Verdict{.settled = true});
  }
  for (auto it = first; it != given_up.end(); ++it) {
    if (it->skipped) {
      skip(*it);
    } else {
      verdicts_.erase(held_.offset(it->index));
    }
  }
  judgement_.done = first->index;
  judgement_.failed = std::move(*first);
  judgement_.stops = false;
  given_up.erase(first, given_up.end());
}

void LaneRunner::skip(const FailedRecord& record) {
  counters_.skipped.fetch_add(1, std::memory_order_relaxed);
  log_.warning("record skipped", {{"handler", settings().handler},
                                  {"topic", identity_.topic},
                                  {"partition", identity_.partition},
                                  {"offset", held_.offset(record.index)},
                                  {"attempt", record.attempts},
                                  {"code", record.code},
                                  {"error", record.error}});
}

void LaneRunner::produce_dead_letter(const FailedRecord& record, bool trimmed) {
  const std::string plugin = plugin_label();
  const kafka::DeadLetterNote note{settings().dead_letter_topic,
                                   identity_.topic,
                                   identity_.partition,
                                   settings().group,
                                   settings().handler,
                                   plugin,
                                   seat_->generation().build_id(),
                                   record.attempts,
                                   record.code,
                                   record.error};
  const Offset offset = held_.offset(record.index);
  deliveries_->ask();
  const auto size = trimmed ? kafka::NoteSize::kTrimmed : kafka::NoteSize::kWhole;
  const auto refused = outbox_.produce(
      kafka::dead_letter(held_, record.index, note, size),
      [deliveries = deliveries_, offset](const kafka::DeliveryFailure* failure) {
        if (failure == nullptr) return deliveries->answer();
        deliveries->answer({offset, failure->code, failure->text, kafka::is_too_large(*failure)});
      });
  if (!refused) return;
  if (kafka::is_too_large(*refused) && !trimmed) {
    deliveries_->withdraw();
    return produce_dead_letter(record, /*trimmed=*/true);
  }
  deliveries_->answer({offset, refused->code, refused->text, kafka::is_too_large(*refused)});
}

std::string LaneRunner::plugin_label() const {
  return seat_->generation().plugin_name() + " " + seat_->generation().plugin_version();
}

/// The dead letters are answered. One that could not be delivered holds the lane there; nothing
/// else of the batch is repeated for it.
void LaneRunner::settle_dead_letters() {
  waiting_ = Waiting::kNothing;
  const auto failures = deliveries_->take_failures();
  const auto failure_of = [&](Offset offset) {
    return std::ranges::find(failures, offset, &Deliveries::Failure::offset);
  };
  std::optional<std::size_t> first;
  for (const FailedRecord& record : judgement_.given_up) {
    const Offset offset = held_.offset(record.index);
    if (record.skipped) continue;
    const auto failure = failure_of(offset);
    if (failure == failures.end()) {
      counters_.dead_letters.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    log_.error("dead letter not delivered, its lane waits",
               {{"handler", settings().handler},
                {"topic", identity_.topic},
                {"partition", identity_.partition},
                {"offset", offset},
                {"dead_letter_topic", settings().dead_letter_topic},
                {"error", failure->error}});
    if (!first) first = record.index;
    Verdict& verdict = verdicts_[offset];
    verdict = {.too_large = failure->too_large && record.trimmed, .record = record};
    // The topic may take less than the producer: once more with fewer headers.
    verdict.record.trimmed = record.trimmed || failure->too_large;
  }
  if (!first) return;
  for (std::size_t i = *first; i < judgement_.done; ++i) {
    verdicts_.try_emplace(held_.offset(i), Verdict{.settled = true});
  }
  const auto failure = failure_of(held_.offset(*first));
  FailedRecord waits;
  waits.index = *first;
  waits.code = failure->code;
  waits.error = "its dead letter was not delivered: " + failure->error;
  judgement_.done = *first;
  judgement_.failed = std::move(waits);
  judgement_.stops = verdicts_.at(held_.offset(*first)).too_large;
}

/// The verdicts of the records in front, as a judgement.
Judgement LaneRunner::standing_verdicts() const {
  Judgement judgement;
  for (std::size_t i = 0; i < held_.size() && held_.offset(i) < below_; ++i) {
    const auto at = verdicts_.find(held_.offset(i));
    if (at == verdicts_.end()) break;
    if (i > 0 && held_.offset(i) < held_.offset(i - 1)) break;
    if (at->second.settled) {
      judgement.done = i + 1;
      continue;
    }
    FailedRecord record = at->second.record;
    record.index = i;
    if (!give_up(judgement, std::move(record), settings().give_up)) break;
  }
  return judgement;
}

}  // namespace moult
