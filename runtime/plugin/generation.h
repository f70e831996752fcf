#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/dispatch/types.h"
#include "sdk/include/moult/moult.h"

namespace moult {

static_assert(static_cast<std::uint32_t>(EndReason::kRevoked) == MOULT_REVOKED);
static_assert(static_cast<std::uint32_t>(EndReason::kLost) == MOULT_LOST);
static_assert(static_cast<std::uint32_t>(EndReason::kStopping) == MOULT_STOPPING);
static_assert(static_cast<std::uint32_t>(EndReason::kReplaced) == MOULT_REPLACED);

/// What tells one lane's instance where it works. Strings live as long as the lane.
struct LaneIdentity {
  std::string topic;
  std::int32_t partition = 0;
  std::uint64_t epoch = 0;
};

/// What an instance hands to its successor: at most MOULT_STATE_MAX bytes that mean what the schema
/// and its version say.
struct HandedState {
  std::string schema;
  std::uint32_t version = 0;
  std::string bytes;
};

/// What an instance asks of its lane, from any thread of its plugin's.
class LaneHost {
 public:
  virtual ~LaneHost() = default;
  /// Whether the host has given up on the running call.
  virtual bool cancelled() const noexcept = 0;
  /// MOULT_SUCCESS, or MOULT_PRODUCE_…
  virtual std::int32_t produce(const moult_message& message) noexcept = 0;
};

/// A handler's object for one lane in one generation. All calls come from worker threads of its
/// generation, one at a time, the last one being the destructor. Nothing here throws.
class Instance {
 public:
  virtual ~Instance() = default;
  virtual void assigned() noexcept = 0;
  /// True: read the outcomes. False: the records left without an outcome failed.
  virtual bool consume(const moult_batch& batch) noexcept = 0;
  virtual void revoked(EndReason reason, std::int64_t deadline_ms) noexcept = 0;

  /// Before assigned(). Ok where the plugin has no such function.
  virtual Status self_test() noexcept = 0;
  /// Between two batches; fails where the generation keeps no state. The instance can go on after
  /// it, whatever became of the state.
  virtual Result<HandedState> export_state() noexcept = 0;
  /// Before assigned(). Once it has failed nothing but the destructor may follow.
  virtual Status import_state(const HandedState& state) noexcept = 0;
};

/// One loaded version of a plugin. Assumes nothing about where the code runs, so that a worker
/// process can stand behind it. Thread-safe. It must outlive its instances, and is destroyed only
/// after the worker threads that ran it have ended (a thread_local of the plugin would keep the
/// library mapped).
class Generation {
 public:
  virtual ~Generation() = default;

  virtual std::uint32_t number() const = 0;
  virtual const std::string& plugin_name() const = 0;
  virtual const std::string& plugin_version() const = 0;
  virtual const std::string& build_id() const = 0;  // hex; "none" when the file has none
  virtual std::uint64_t capabilities() const = 0;   // MOULT_CAP_…
  bool keeps_state() const { return (capabilities() & MOULT_CAP_STATE) != 0; }

  /// `lane` and `host` outlive the instance.
  virtual Result<std::unique_ptr<Instance>> create(const LaneIdentity& lane, LaneHost& host) = 0;
};

}  // namespace moult
