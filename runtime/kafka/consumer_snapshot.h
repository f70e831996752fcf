#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/time.h"
#include "runtime/dispatch/types.h"

namespace moult::kafka {

/// One lane of a consumer at a moment, for people. -1 where something is not known.
struct LaneSnapshot {
  TopicPartition partition;
  std::string_view part;   // whole, intake, slot
  std::string_view state;  // the dispatcher's name of it, or paused
  std::string handler;
  std::string build_id;
  Epoch epoch = 0;
  GenerationNumber generation{};
  Offset watermark = -1;
  Offset committed = -1;
  Offset high_watermark = -1;  // as last heard from the broker
  OffsetRange running;         // the batch in hand; empty when none
  Duration running_for{0};
  std::uint32_t failures = 0;  // in a row
};

struct ConsumerSnapshot {
  std::string group;
  bool quiet = false;
  bool paused = false;               // all of its handlers
  std::vector<std::string> unready;  // why it is not ready; empty: it is
  std::vector<LaneSnapshot> lanes;   // of the assignment
};

}  // namespace moult::kafka
