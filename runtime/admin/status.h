#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace moult {

/// What GET /health answers:
///   {"live": true, "ready": false, "reasons": ["orders: a lane is stopped"]}
struct DaemonHealth {
  bool live = false;
  bool ready = false;
  std::vector<std::string> reasons;  // why it is not live or not ready

  std::string to_json() const;
  static Result<DaemonHealth> read(std::string_view json);
};

/// What GET /status answers, as plain values that the daemon fills: to_json() writes an object with
/// members of the same names, nested alike. Numbers of which nothing is known are -1, texts are
/// empty. Times are milliseconds since 1970.
struct DaemonStatus {
  struct Lane {
    std::string topic;
    std::int32_t partition = -1;
    std::string part;   // whole, intake, slot
    std::string state;  // the dispatcher's name of it
    std::string handler;
    std::int64_t generation = -1;
    std::int64_t watermark = -1;
    std::int64_t committed = -1;
    std::int64_t high_watermark = -1;
    std::int64_t running_ms = -1;  // of the batch in hand
    std::int64_t failures = -1;
  };
  struct Consumer {
    std::string group;
    bool ready = false;
    bool quiet = false;
    bool paused = false;
    std::vector<Lane> lanes;
  };
  struct Handler {
    std::string name;
    std::string group;
    std::string plugin;
    std::string version;
    std::string build_id;
    std::int64_t generation = -1;
    std::int64_t kept_generation = -1;  // what a rollback goes to
    std::int64_t workers = -1;
    std::int64_t records = -1;
    std::int64_t batches = -1;
    std::int64_t failures = -1;
    std::int64_t dead_letters = -1;
    std::int64_t lanes = -1;
    std::int64_t pinned_unloads = -1;
  };
  struct Reload {
    bool ok = false;
    std::string text;
    std::int64_t at_ms = -1;  // -1: there was none, and "last_reload" is null
  };

  std::string version;
  std::int64_t pid = -1;
  std::int64_t started_ms = -1;
  DaemonHealth health;  // its members stand beside these
  std::vector<Consumer> consumers;
  std::vector<Handler> handlers;
  Reload last_reload;

  std::string to_json() const;
};

/// The answer as tables for a person; `now_ms` as above.
Result<std::string> status_as_text(std::string_view json, std::int64_t now_ms);

}  // namespace moult
