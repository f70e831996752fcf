#include "runtime/workers/batch_view.h"

#include <algorithm>

namespace moult {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// Reading past a value is what the sanitizers are there to report.
constexpr bool kPaddedByPage = false;
#else
constexpr bool kPaddedByPage = true;
#endif
constexpr std::uintptr_t kSmallestPage = 4096;

/// Memory is mapped in whole pages: when the page of a value's last byte goes on for the padding,
/// it can be read as it is. True for all but a few records, and saves their copies.
bool needs_padding(const moult_record& record) {
  if (record.value == nullptr) return false;
  if (!kPaddedByPage || record.value_size == 0) return true;
  const auto last = reinterpret_cast<std::uintptr_t>(record.value) + record.value_size - 1;
  return last % kSmallestPage + MOULT_PADDING >= kSmallestPage;
}

/// By constants, which the compiler keeps in registers: copying an outcome made beforehand costs
/// eight times as much.
void preset(moult_outcome& outcome) {
  outcome = moult_outcome{.struct_size = sizeof outcome,
                          .code = MOULT_UNSET,
                          .retry_after_ms = 0,
                          .error_code = 0,
                          .error = nullptr,
                          .error_size = 0,
                          .reserved = 0};
}

}  // namespace

const moult_batch& BatchView::build(const Choice& choice, std::int64_t high_watermark,
                                    const LaneIdentity& lane, std::uint64_t capabilities) {
  const std::size_t count = choice.size();
  records_.resize(count);
  for (std::size_t i = 0; i < count; ++i) choice.held.show(choice.index(i), records_[i]);
  if (choice.index(0) == 0) records_.front().attempt = choice.attempt;
  outcomes_.resize(count);
  for (moult_outcome& outcome : outcomes_) preset(outcome);
  headers_.clear();
  if ((capabilities & MOULT_CAP_HEADERS) != 0) add_headers(choice);
  if ((capabilities & MOULT_CAP_PADDED) != 0) pad_values();
  batch_ = moult_batch{
      .struct_size = sizeof(moult_batch),
      .record_stride = sizeof(moult_record),
      .records = records_.data(),
      .record_count = static_cast<std::uint32_t>(count),
      .outcome_stride = sizeof(moult_outcome),
      .outcomes = outcomes_.data(),
      .topic = lane.topic.c_str(),
      .topic_size = static_cast<std::uint32_t>(lane.topic.size()),
      .partition = lane.partition,
      .epoch = lane.epoch,
      .high_watermark = high_watermark,
      .headers = headers_.data(),
      .header_stride = sizeof(moult_header),
      .header_count = static_cast<std::uint32_t>(headers_.size()),
  };
  return batch_;
}

void BatchView::add_headers(const Choice& choice) {
  for (std::size_t i = 0; i < records_.size(); ++i) {
    records_[i].header_begin = static_cast<std::uint32_t>(headers_.size());
    choice.held.append_headers(choice.index(i), headers_);
    records_[i].header_count =
        static_cast<std::uint32_t>(headers_.size()) - records_[i].header_begin;
  }
}

/// Copies the values that don't already have readable bytes behind them to where they do.
void BatchView::pad_values() {
  std::size_t size = 0;
  for (const moult_record& record : records_) {
    if (needs_padding(record)) size += record.value_size + MOULT_PADDING;
  }
  if (padded_.size() < size) padded_.resize(size);
  std::uint8_t* at = padded_.data();
  for (moult_record& record : records_) {
    if (!needs_padding(record)) continue;
    std::copy_n(record.value, record.value_size, at);
    record.value = at;
    at += record.value_size + MOULT_PADDING;
  }
}

}  // namespace moult
