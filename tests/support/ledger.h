#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/time.h"
#include "tests/support/producer.h"

namespace moult::testing {

enum class Event {
  kCreate,
  kAssigned,
  kBegin,
  kRecord,
  kFailed,
  kCancelled,
  kEnd,
  kRevoked,
  kDestroy,
};

/// One lane of one process. Epochs are counted by each consumer: handlers that share a ledger and
/// may have the same partition need different tags.
struct LaneKey {
  pid_t pid = 0;
  std::string tag;
  TopicPartition partition;
  std::uint64_t epoch = 0;
  std::uint64_t slot = 0;  // 0 where a partition is one lane; else see by_slot()

  friend auto operator<=>(const LaneKey&, const LaneKey&) = default;
};

/// One line of the ledger; its columns are described in plugins/ledger.cc.
struct Entry {
  Event event = Event::kCreate;
  LaneKey lane;
  Offset offset = -1;         // -1 where the event has none
  std::int64_t start_ns = 0;  // monotonic clock, the same for all processes
  std::int64_t end_ns = 0;
  int attempt = 0;  // 0 where the event has none
  std::optional<std::string> key;
  std::optional<std::int64_t> sequence;
  std::string detail;
  std::uint64_t instance = 0;  // new for each object of a generation in a process

  const TopicPartition& partition() const { return lane.partition; }
  RecordId id() const { return {lane.partition, offset}; }
};

using Entries = std::vector<Entry>;

/// Reads what handlers write, while they do. Entries are in the order of their writing.
class Ledger {
 public:
  explicit Ledger(std::filesystem::path path) : path_(std::move(path)) {}

  /// What was written up to now. A line that makes no sense is an error.
  const Entries& read();
  std::size_t count(Event event);
  /// How many different records were handled.
  std::size_t handled();

  /// Waits until the condition holds for the entries; returns whether it did.
  bool wait(const std::function<bool(const Entries&)>& condition, Duration bound);
  bool wait_count(Event event, std::size_t least, Duration bound);
  /// Waits until this many different records were handled.
  bool wait_handled(std::size_t least, Duration bound);

 private:
  std::filesystem::path path_;
  std::uintmax_t consumed_ = 0;
  Entries entries_;
  std::set<RecordId> handled_;
};

Entries only(const Entries& entries, const std::function<bool(const Entry&)>& predicate);
Entries of_event(const Entries& entries, Event event);
Entries of_pid(const Entries& entries, pid_t pid);
Entries of_tag(const Entries& entries, const std::string& tag);
Entries of_key(const Entries& entries, const std::string& key);
/// As if all generations of a handler were one.
Entries across_generations(Entries entries);
/// The entries of a handler whose partitions are spread over slots: each instance is a lane.
Entries by_slot(Entries entries);

}  // namespace moult::testing
