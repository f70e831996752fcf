#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/sim/history.h"

namespace moult::sim {

struct Failed {
  std::uint64_t seed = 0;
  std::string why;
};

/// Runs histories with the seeds first, first + 1, … until one fails. In a child process, so that a
/// history that dies of a broken CHECK can be named as well.
std::optional<Failed> find_failure(std::uint64_t first, std::uint64_t count,
                                   const HistoryOptions& options);

}  // namespace moult::sim
