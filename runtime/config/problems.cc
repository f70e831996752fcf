#include "runtime/config/problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace moult {

std::string ConfigProblem::to_string() const {
  // Line 0 is the file as a whole: it can't be opened, or is too big.
  if (place.line == 0) return fmt::format("{}: {}", place.file, message);
  return fmt::format("{}:{}:{}: {}", place.file, place.line, place.column, message);
}

}  // namespace moult

namespace moult::config {

void ProblemList::add(TextPlace place, std::string message) {
  if (problems_.size() == kMaxProblems) {
    cut_off_ = true;
    return;
  }
  problems_.push_back({source(place), std::move(message)});
}

ConfigProblems ProblemList::take() {
  std::stable_sort(problems_.begin(), problems_.end(),
                   [](const ConfigProblem& left, const ConfigProblem& right) {
                     return std::tie(left.place.line, left.place.column) <
                            std::tie(right.place.line, right.place.column);
                   });
  if (cut_off_) {
    problems_.push_back(
        {source({}), fmt::format("more than {} problems; the rest is not shown", kMaxProblems)});
  }
  return std::exchange(problems_, {});
}

}  // namespace moult::config
