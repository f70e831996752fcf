#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/time.h"

namespace moult::sim {

/// SplitMix64: the same numbers from the same seed with every compiler and library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

  /// In [least, most].
  std::uint64_t between(std::uint64_t least, std::uint64_t most) {
    return least + next() % (most - least + 1);
  }

  Duration between(Duration least, Duration most) {
    return least + Duration(static_cast<Duration::rep>(
                       between(0, static_cast<std::uint64_t>((most - least).count()))));
  }

  bool chance(double probability) {
    return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability;
  }

  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[between(0, from.size() - 1)];
  }

 private:
  std::uint64_t state_;
};

}  // namespace moult::sim
