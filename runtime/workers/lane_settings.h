#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/base/give_up.h"
#include "runtime/base/time.h"
#include "runtime/route/key_pointer.h"
#include "runtime/route/where.h"

namespace moult {

struct BatchLimits {
  std::uint32_t max_records = 500;
  std::uint64_t max_bytes = 1024ULL * 1024;
  Duration linger{0};
};

/// When a record is given up, and what becomes of it then.
struct GiveUpPolicy {
  std::uint32_t max_attempts = 0;  // 0: no limit
  GiveUp action = GiveUp::kNever;
};

/// How the records of a partition are spread over lanes.
struct SpreadSettings {
  std::uint32_t slots = 0;                   // 0: they are not, a partition is one lane
  bool by_key = false;                       // else in turn
  std::optional<route::KeyPointer> pointer;  // to the key in the payload; else the record's own
};

/// What a handler's configuration says about its lanes. Constant while they are open.
struct LaneSettings {
  std::string group;
  std::string handler;
  BatchLimits limits;
  GiveUpPolicy give_up;
  std::string dead_letter_topic;
  std::string topic_prefix;           // of what the handler produces
  std::optional<route::Where> where;  // records that don't match are finished unseen
  SpreadSettings spread;
};

}  // namespace moult
