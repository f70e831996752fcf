#include "runtime/app/service_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>

namespace moult {
namespace {

constexpr std::size_t kMostHandlers = 8;

std::string state_of(const DaemonStatus& status) {
  if (!status.health.ready) {
    return fmt::format("not ready ({})", fmt::join(status.health.reasons, "; "));
  }
  const auto& consumers = status.consumers;
  const bool quiet = std::all_of(consumers.begin(), consumers.end(),
                                 [](const auto& consumer) { return consumer.quiet; });
  return quiet ? "quiet" : "ready";
}

/// Of the lanes whose lag is known. A slot's records are its intake's.
std::optional<std::int64_t> lag_of(const DaemonStatus& status) {
  std::optional<std::int64_t> lag;
  for (const auto& consumer : status.consumers) {
    for (const auto& lane : consumer.lanes) {
      if (lane.part == "slot" || lane.high_watermark < 0 || lane.watermark < 0) continue;
      lag = lag.value_or(0) + std::max<std::int64_t>(0, lane.high_watermark - lane.watermark);
    }
  }
  return lag;
}

}  // namespace

std::string service_line(const DaemonStatus& status) {
  std::string line = state_of(status);
  const auto out = std::back_inserter(line);
  std::size_t lanes = 0;
  for (const auto& consumer : status.consumers) lanes += consumer.lanes.size();
  fmt::format_to(out, ", {} {}", lanes, lanes == 1 ? "lane" : "lanes");
  if (const auto lag = lag_of(status)) fmt::format_to(out, ", lag {}", *lag);
  const std::size_t shown = std::min(kMostHandlers, status.handlers.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& handler = status.handlers[i];
    fmt::format_to(out, "{}{} generation {}", i == 0 ? "; " : ", ", handler.name,
                   handler.generation);
  }
  if (shown < status.handlers.size()) {
    fmt::format_to(out, ", and {} more handlers", status.handlers.size() - shown);
  }
  return line;
}

}  // namespace moult
