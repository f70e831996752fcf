#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/config/interpolation.h"
#include "runtime/config/load.h"
#include "runtime/config/problems.h"

namespace moult::config {

/// Names of which each may stand once.
class UniqueNames {
 public:
  /// The line that has claimed `name` before, if one has.
  std::optional<int> claim(const std::string& name, int line) {
    const auto [first, is_new] = lines_.emplace(name, line);
    return is_new ? std::nullopt : std::optional<int>(first->second);
  }

  const std::map<std::string, int>& lines() const { return lines_; }

 private:
  std::map<std::string, int> lines_;
};

/// A handler's dead-letter topic, to be compared with what its group reads.
struct DeadLetterTopic {
  std::string name;  // topic_prefix applied
  std::string text;  // as it stands in the file
  TextPlace place;
};

/// What every section needs while one file is read.
struct Reading {
  ProblemList& problems;
  Interpolator interpolator;
  const LoadContext& context;
  std::filesystem::path folder;  // absolute; relative paths of the file start here

  // Set from the top level before the consumers are read.
  std::filesystem::path plugins_path{};
  PluginTrustConfig plugin_trust{};
  std::string topic_prefix{};
  bool is_tenant_prefix = false;  // given by a preset: no name can rightly begin with it already

  UniqueNames groups{};
  UniqueNames handler_names{};    // in the whole file: commands and metrics go by them
  UniqueNames topics_of_group{};  // of the consumer being read
  std::vector<DeadLetterTopic> dead_letters_of_group{};
};

}  // namespace moult::config
