#include "runtime/kafka/replay_position.h"

#include <algorithm>
#include <optional>

namespace moult::kafka {
namespace {

// "moult1:" and then for each run its distance from the one before and its length, as numbers in
// digits of five bits: the sixth bit of a digit says that more follow. Two characters a run where
// single records were taken out, so that a partition holds about two thousand runs.
constexpr std::string_view kMark = "moult1:";
constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr unsigned kBits = 5;
constexpr unsigned kMore = 1U << kBits;
constexpr unsigned kMaxShift = 60;  // 62 bits are more than any offset has

void append_number(std::string& out, Offset number) {
  auto rest = static_cast<std::uint64_t>(number);
  do {
    const auto digit = static_cast<unsigned>(rest & (kMore - 1));
    rest >>= kBits;
    out += kDigits[digit | (rest == 0 ? 0 : kMore)];
  } while (rest != 0);
}

/// Takes a number off the front; nothing when there is none.
std::optional<Offset> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  for (unsigned shift = 0; shift <= kMaxShift && !text.empty(); shift += kBits) {
    const std::size_t digit = kDigits.find(text.front());
    if (digit == kDigits.npos) return std::nullopt;
    text.remove_prefix(1);
    number |= (digit & (kMore - 1)) << shift;
    if ((digit & kMore) != 0) continue;
    if (number > static_cast<std::uint64_t>(kNoOffsetLimit)) return std::nullopt;
    return static_cast<Offset>(number);
  }
  return std::nullopt;
}

}  // namespace

Result<ReplayPosition> ReplayPosition::parse(Offset committed, std::string_view metadata) {
  ReplayPosition position(committed);
  if (metadata.empty()) return position;
  const auto bad = [] { return failure("the committed offset was not written by a replay"); };
  if (!metadata.starts_with(kMark)) return bad();
  metadata.remove_prefix(kMark.size());
  Offset at = committed;
  while (!metadata.empty()) {
    const auto distance = take_number(metadata);
    const auto length = take_number(metadata);
    if (!distance || !length || *distance == 0 || *length == 0) return bad();
    if (*distance > kNoOffsetLimit - at || *length > kNoOffsetLimit - at - *distance) return bad();
    position.runs_.push_back({at + *distance, at + *distance + *length});
    at = position.runs_.back().end;
  }
  return position;
}

std::string ReplayPosition::metadata() const {
  if (runs_.empty()) return {};
  std::string text(kMark);
  Offset at = next_;
  for (const Run& run : runs_) {
    append_number(text, run.begin - at);
    append_number(text, run.end - run.begin);
    at = run.end;
  }
  return text;
}

bool ReplayPosition::done(Offset offset) const {
  if (offset < next_) return true;
  const auto after = std::ranges::upper_bound(runs_, offset, {}, &Run::begin);
  return after != runs_.begin() && offset < std::prev(after)->end;
}

Offset ReplayPosition::open(Offset from, Offset end) const {
  from = std::max(from, next_);
  Offset count = std::max<Offset>(end - from, 0);
  for (const Run& run : runs_) {
    count -= std::max<Offset>(std::min(run.end, end) - std::max(run.begin, from), 0);
  }
  return count;
}

void ReplayPosition::finish(Offset begin, Offset end) {
  if (begin >= end) return;
  const auto first = std::ranges::lower_bound(runs_, begin, {}, &Run::end);
  const auto last = std::ranges::upper_bound(first, runs_.end(), end, {}, &Run::begin);
  Run merged{begin, end};
  if (first != last) {
    merged = {std::min(begin, first->begin), std::max(end, std::prev(last)->end)};
  }
  const auto at = runs_.erase(first, last);
  if (merged.begin > next_) {
    runs_.insert(at, merged);
  } else {
    next_ = std::max(next_, merged.end);
  }
}

}  // namespace moult::kafka
