#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/base/time.h"
#include "runtime/dispatch/types.h"

namespace moult::sim {

/// A rule was broken; ends the history.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void expect(bool holds, const char* rule);

/// How a trace names them.
inline std::size_t number(LaneId lane) { return static_cast<std::size_t>(lane); }
inline std::int64_t number(GenerationNumber generation) {
  return static_cast<std::int64_t>(generation);
}

/// What happened in one history. Lines are made only when somebody reads them, so that thousands
/// of histories run in seconds; the hash tells two runs apart.
class Trace {
 public:
  /// `what` is a string literal with up to three {}.
  void add(TimePoint now, const char* what, std::int64_t a = 0, std::int64_t b = 0,
           std::int64_t c = 0);

  std::uint64_t hash() const { return hash_; }
  std::size_t size() const { return entries_.size(); }
  std::string line(std::size_t index) const;

  /// Also writes each line to stderr at once: for a history that dies of a CHECK.
  void stream() { stream_ = true; }

 private:
  struct Entry {
    TimePoint when;
    const char* what;
    std::int64_t a, b, c;
  };

  void mix(std::uint64_t value);

  std::vector<Entry> entries_;
  std::uint64_t hash_ = 0xCBF29CE484222325;
  bool stream_ = false;
};

}  // namespace moult::sim
