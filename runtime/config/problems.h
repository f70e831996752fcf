#pragma once

#include <string>
#include <string_view>

#include "runtime/config/load.h"

namespace moult::config {

/// A place in the one file being read; 1-based.
struct TextPlace {
  int line = 0;
  int column = 0;
};

/// Collects what is wrong with one file, in any order, and hands it out in file order. Bounded: a
/// file with more than kMaxProblems of them is not a config file.
class ProblemList {
 public:
  static constexpr std::size_t kMaxProblems = 1'000;

  explicit ProblemList(std::string file) : file_(std::move(file)) {}

  void add(TextPlace place, std::string message);
  bool empty() const { return problems_.empty(); }
  SourcePlace source(TextPlace place) const { return {file_, place.line, place.column}; }
  ConfigProblems take();

 private:
  std::string file_;
  ConfigProblems problems_;
  bool cut_off_ = false;
};

}  // namespace moult::config
