#include "runtime/kafka/dead_letter_list.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace moult::kafka {
namespace {

// How many offsets of each partition a step back takes; each step takes twice as many.
constexpr Offset kFirstStep = 64;
constexpr Offset kLongestStep = 65'536;
// What is read between two cuts down to the limit.
constexpr std::size_t kSlack = 1'024;

/// One listing under way.
class Listing {
 public:
  Listing(DeadLetterReader& reader, DeadLetterFilter filter, const ReplayPositions& positions,
          std::size_t limit)
      : reader_(reader), filter_(std::move(filter)), positions_(positions), limit_(limit) {
    for (const auto& [partition, held] : reader.held()) tops_[partition] = held.end;
  }

  Result<std::vector<ListedDeadLetter>> run() {
    for (Offset step = kFirstStep;; step = std::min(2 * step, kLongestStep)) {
      OffsetRanges ranges = step_back(step);
      if (ranges.empty()) break;
      if (Status sought = reader_.seek(std::move(ranges)); !sought) {
        return Unexpected(sought.error());
      }
      if (Status read = read_step(); !read) return Unexpected(read.error());
    }
    keep_newest(letters_, limit_);
    return std::move(letters_);
  }

 private:
  /// A partition is read back until it alone has given as many as are wanted, or to its beginning.
  OffsetRanges step_back(Offset step) {
    OffsetRanges ranges;
    for (auto& [partition, top] : tops_) {
      const Offset beginning = reader_.held().at(partition).begin;
      if (top <= beginning || found_[partition] >= limit_) continue;
      const Offset from = std::max(beginning, top - step);
      ranges[partition] = {from, top};
      top = from;
    }
    return ranges;
  }

  Status read_step() {
    while (!reader_.finished()) {
      auto record = reader_.next();
      if (!record) return Unexpected(record.error());
      if (*record) take(**record);
    }
    return Ok{};
  }

  void take(const rd_kafka_message_t& record) {
    auto letter = find_dead_letter(record);
    if (!letter || !filter_.matches(*letter)) return;
    ++found_[record.partition];
    const bool replayed = positions_.at(record.partition).done(record.offset);
    letters_.push_back({std::move(*letter), replayed});
    if (letters_.size() >= limit_ + kSlack) keep_newest(letters_, limit_);
  }

  DeadLetterReader& reader_;
  const DeadLetterFilter filter_;
  const ReplayPositions& positions_;
  const std::size_t limit_;
  std::map<std::int32_t, Offset> tops_;  // below which nothing was read yet
  std::map<std::int32_t, std::size_t> found_;
  std::vector<ListedDeadLetter> letters_;
};

}  // namespace

void keep_newest(std::vector<ListedDeadLetter>& letters, std::size_t limit) {
  const auto rank = [](const ListedDeadLetter& it) {
    return std::tuple(it.letter.died_at_ms, it.letter.offset);
  };
  std::ranges::stable_sort(letters, std::greater{}, rank);
  if (letters.size() > limit)
    letters.erase(letters.begin() + static_cast<std::ptrdiff_t>(limit), letters.end());
}

Result<DeadLetterPage> list_dead_letters(const DeadLetterSource& source, const std::string& error,
                                         std::size_t limit) {
  auto reader = DeadLetterReader::open(source);
  if (!reader) return Unexpected(reader.error());
  if (!(*reader)->topic_exists()) return DeadLetterPage{{}, 0, false};
  const auto positions = (*reader)->positions(DeadLetterReader::Read::kCurrent);
  if (!positions) return Unexpected(positions.error());
  Listing listing(**reader, {source.group, source.handler, error}, *positions, limit);
  auto letters = listing.run();
  if (!letters) return Unexpected(letters.error());
  DeadLetterPage page{std::move(*letters), 0};
  for (const auto& [partition, held] : (*reader)->held()) {
    page.waiting += positions->at(partition).open(held.begin, held.end);
  }
  return page;
}

}  // namespace moult::kafka
