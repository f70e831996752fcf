#include "runtime/base/nearest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "runtime/base/lower_case.h"

namespace moult {
namespace {

/// Longer words are not near to anything here; bounds the quadratic comparison.
constexpr std::size_t kMaxWord = 64;

/// One typing mistake in a short word, one more for each three further letters.
std::size_t near_enough(std::size_t letters) { return std::max<std::size_t>(1, letters / 3); }

}  // namespace

std::size_t edit_distance(std::string_view from, std::string_view to) {
  using Row = std::vector<std::size_t>;
  Row before_last(to.size() + 1);
  Row last(to.size() + 1);
  Row row(to.size() + 1);
  for (std::size_t column = 0; column <= to.size(); ++column) last[column] = column;
  for (std::size_t line = 1; line <= from.size(); ++line) {
    row[0] = line;
    for (std::size_t column = 1; column <= to.size(); ++column) {
      const std::size_t change = from[line - 1] == to[column - 1] ? 0 : 1;
      row[column] = std::min({last[column] + 1, row[column - 1] + 1, last[column - 1] + change});
      const bool swapped = line > 1 && column > 1 && from[line - 1] == to[column - 2] &&
                           from[line - 2] == to[column - 1];
      if (swapped) row[column] = std::min(row[column], before_last[column - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[to.size()];
}

std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates) {
  if (word.empty() || word.size() > kMaxWord) return std::nullopt;
  const std::string plain = lower_case(word);
  std::optional<std::string_view> best;
  std::size_t best_distance = near_enough(word.size()) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(plain, lower_case(candidate));
    if (distance >= best_distance || distance >= candidate.size()) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const auto meant = nearest(word, candidates);
  return meant ? fmt::format("; did you mean '{}'?", *meant) : "";
}

std::string suggestion(std::string_view word, std::span<const std::string_view> candidates) {
  std::string meant = did_you_mean(word, candidates);
  return meant.empty() ? fmt::format("; valid: {}", fmt::join(candidates, ", ")) : meant;
}

}  // namespace moult
