#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace moult::kafka {

/// What `moult dev` fills a topic with.
struct Sample {
  std::string key;  // empty: no key
  std::string value;
};

/// Produces every sample and waits until the broker has acknowledged them all. Returns how many.
Result<std::uint64_t> produce_samples(const std::string& bootstrap_servers,
                                      const std::string& topic, const std::vector<Sample>& samples);

}  // namespace moult::kafka
