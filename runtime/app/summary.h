#pragma once

#include <vector>

#include "runtime/app/membership.h"
#include "runtime/base/log.h"

namespace moult {

/// One log line a handler.
void log_summary(const Logger& log, const std::vector<HandlerTotals>& totals);

/// A table for a person, on stdout.
void print_summary(const std::vector<HandlerTotals>& totals);

}  // namespace moult
