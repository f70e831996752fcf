#include <array>

#include "runtime/config/fields.h"
#include "runtime/config/sections.h"

namespace moult::config {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr std::array<std::string_view, 6> kCanaryKeys = {"lanes", "share",        "batches",
                                                         "for",   "max_failures", "max_slowdown"};

constexpr Range<std::uint32_t> kLanesRange{1, 10'000};
constexpr Range<std::uint32_t> kShareRange{1, 100};
constexpr Range<std::uint32_t> kBatchesRange{1, 1'000'000};
constexpr Range<milliseconds> kForRange{100ms, 1h};
constexpr Range<std::uint32_t> kMaxFailuresRange{0, 100};
constexpr Range<std::uint32_t> kMaxSlowdownRange{1, 1'000};

}  // namespace

std::optional<CanaryConfig> read_canary(Reading& reading, const MaybeValue& value) {
  if (!value) return std::nullopt;
  CanaryConfig canary;
  const MapReader map(reading, *value, "canary", kCanaryKeys);
  const MaybeValue lanes = map.find("lanes");
  const MaybeValue share = map.find("share");
  if (lanes && share) {
    reading.problems.add(share->place, "'share' and 'lanes' both say how many lanes; keep one");
  }
  if (share) canary.lanes = 0;
  read_integer(reading, lanes, kLanesRange, canary.lanes);
  read_percent(reading, share, kShareRange, canary.share);
  read_integer(reading, map.find("batches"), kBatchesRange, canary.batches);
  read_duration(reading, map.find("for"), kForRange, canary.time);
  read_percent(reading, map.find("max_failures"), kMaxFailuresRange, canary.max_failures);
  read_limit(reading, map.find("max_slowdown"), kMaxSlowdownRange, canary.max_slowdown);
  return canary;
}

}  // namespace moult::config
