#include "runtime/app/summary.h"

#include <fmt/format.h>

namespace moult {

void log_summary(const Logger& log, const std::vector<HandlerTotals>& totals) {
  for (const HandlerTotals& total : totals) {
    log.info("handled", {{"group", total.group},
                         {"handler", total.handler},
                         {"records", total.records},
                         {"batches", total.batches},
                         {"lanes", total.lanes},
                         {"failures", total.failures},
                         {"dead_letters", total.dead_letters},
                         {"skipped", total.skipped}});
  }
}

void print_summary(const std::vector<HandlerTotals>& totals) {
  fmt::print("{:<20} {:>10} {:>9} {:>7} {:>9} {:>14}\n", "handler", "records", "batches", "lanes",
             "failures", "records/s");
  for (const HandlerTotals& total : totals) {
    const double seconds = std::chrono::duration<double>(total.active).count();
    fmt::print("{:<20} {:>10} {:>9} {:>7} {:>9} {:>14.0f}\n", total.handler, total.records,
               total.batches, total.lanes, total.failures,
               seconds > 0 ? static_cast<double>(total.records) / seconds : 0.0);
  }
}

}  // namespace moult
