#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "runtime/base/time.h"
#include "runtime/kafka/client_config.h"
#include "runtime/kafka/diagnosis.h"

namespace moult::kafka {

/// One thing that was looked at, and what was found.
struct Step {
  enum class State : std::uint8_t { kOk, kFailed, kSkipped };

  std::string subject;  // "broker b1:9096", "group 'orders'", "topic 'orders.created'"
  std::string name;     // resolve, tcp, tls, …: stays as it is
  State state = State::kOk;
  std::string found = {};                // in words; may hold what a broker says
  const Diagnosis* diagnosis = nullptr;  // of the failure, or a remark on what is well
};

/// A consumer of the config, as `examine` needs it; names have their prefix.
struct ConsumerCase {
  std::string group;
  Properties properties;
  std::vector<std::string> topics;  // names and ^regexes of all its handlers
  std::vector<std::string> dead_letter_topics;
  /// A prefix that the surroundings tell of and the config does not use; empty: none.
  std::string unused_prefix;
};

/// Looks at everything on the way from this process to the records of these consumers, and tells
/// of each step when it is done; returns soon after `until`. Joins no group, commits nothing, makes
/// no topic: changes nothing on the cluster. Runs on the calling thread.
void examine(const std::vector<ConsumerCase>& cases, TimePoint until,
             const std::function<void(const Step&)>& tell);

}  // namespace moult::kafka
