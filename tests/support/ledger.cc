#include "tests/support/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "tests/support/wait.h"

namespace moult::testing {
namespace {

constexpr std::array<std::string_view, 9> kNames = {
    "create", "assigned", "begin", "record", "failed", "cancelled", "end", "revoked", "destroy"};
constexpr std::size_t kColumns = 14;

std::int64_t number(const std::string& column, std::int64_t none) {
  return column == "-" ? none : std::stoll(column);
}

Event event_of(const std::string& name) {
  const auto at = std::ranges::find(kNames, name);
  if (at == kNames.end()) throw std::runtime_error("unknown event " + name);
  return static_cast<Event>(at - kNames.begin());
}

/// Nothing for a line whose process was killed while it was written.
std::optional<Entry> parse(const std::string& line) {
  std::array<std::string, kColumns> columns;
  std::istringstream in(line);
  for (std::string& column : columns) in >> column;
  if (!in) return std::nullopt;
  std::string excess;
  if (in >> excess) throw std::runtime_error("not a ledger line: " + line);
  Entry entry;
  entry.event = event_of(columns[0]);
  entry.lane = {static_cast<pid_t>(std::stol(columns[1])),
                columns[2],
                {columns[3], static_cast<std::int32_t>(std::stol(columns[4]))},
                std::stoull(columns[5])};
  entry.offset = number(columns[6], -1);
  entry.start_ns = std::stoll(columns[7]);
  entry.end_ns = std::stoll(columns[8]);
  entry.attempt = static_cast<int>(number(columns[9], 0));
  if (columns[10] != "-") entry.key = columns[10] == "%" ? "" : columns[10];
  if (columns[11] != "-") entry.sequence = std::stoll(columns[11]);
  entry.detail = columns[12];
  entry.instance = std::stoull(columns[13]);
  return entry;
}

}  // namespace

const Entries& Ledger::read() {
  std::ifstream file(path_, std::ios::binary);
  if (!file) return entries_;  // no handler was made yet
  file.seekg(static_cast<std::streamoff>(consumed_));
  // A last line without its end is still being written.
  for (std::string line; std::getline(file, line) && !file.eof();) {
    consumed_ += line.size() + 1;
    auto entry = parse(line);
    if (!entry) continue;
    if (entry->event == Event::kRecord) handled_.insert(entry->id());
    entries_.push_back(std::move(*entry));
  }
  return entries_;
}

std::size_t Ledger::count(Event event) {
  return static_cast<std::size_t>(std::ranges::count(read(), event, &Entry::event));
}

std::size_t Ledger::handled() {
  read();
  return handled_.size();
}

bool Ledger::wait(const std::function<bool(const Entries&)>& condition, Duration bound) {
  return eventually([&] { return condition(read()); }, bound);
}

bool Ledger::wait_count(Event event, std::size_t least, Duration bound) {
  return eventually([&] { return count(event) >= least; }, bound);
}

bool Ledger::wait_handled(std::size_t least, Duration bound) {
  return eventually([&] { return handled() >= least; }, bound, std::chrono::milliseconds(20));
}

Entries only(const Entries& entries, const std::function<bool(const Entry&)>& predicate) {
  Entries chosen;
  std::ranges::copy_if(entries, std::back_inserter(chosen), predicate);
  return chosen;
}

Entries of_event(const Entries& entries, Event event) {
  return only(entries, [&](const Entry& entry) { return entry.event == event; });
}

Entries of_pid(const Entries& entries, pid_t pid) {
  return only(entries, [&](const Entry& entry) { return entry.lane.pid == pid; });
}

Entries of_key(const Entries& entries, const std::string& key) {
  return only(entries, [&](const Entry& entry) { return entry.key == key; });
}

Entries across_generations(Entries entries) {
  for (Entry& entry : entries) entry.lane.tag.clear();
  return entries;
}

Entries by_slot(Entries entries) {
  std::map<LaneKey, std::uint64_t> lives;  // a plugin that is loaded again counts from one again
  for (Entry& entry : entries) {
    entry.lane.slot = entry.instance;
    std::uint64_t& life = lives[entry.lane];
    if (entry.event == Event::kCreate) ++life;
    entry.lane.slot += life << 32;
  }
  return entries;
}

Entries of_tag(const Entries& entries, const std::string& tag) {
  return only(entries, [&](const Entry& entry) { return entry.lane.tag == tag; });
}

}  // namespace moult::testing
