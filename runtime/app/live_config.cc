#include "runtime/app/live_config.h"

#include <fmt/format.h>

#include <cstddef>
#include <set>
#include <utility>

namespace moult {
namespace {

/// Collects the paths of what differs.
class Comparison {
 public:
  template <typename T>
  void compare(const std::string& path, const T& running, const T& wanted) {
    if (!(running == wanted)) different_.push_back(path);
  }
  void add(std::string path) { different_.push_back(std::move(path)); }
  std::vector<std::string> take() { return std::move(different_); }

 private:
  std::vector<std::string> different_;
};

void compare_kafka(Comparison& comparison, const std::string& path, const KafkaProperties& running,
                   const KafkaProperties& wanted) {
  std::set<std::string> names;
  for (const auto& [name, property] : running) names.insert(name);
  for (const auto& [name, property] : wanted) names.insert(name);
  for (const std::string& name : names) {
    const auto before = running.find(name);
    const auto after = wanted.find(name);
    const bool same = before != running.end() && after != wanted.end() &&
                      before->second.value == after->second.value;
    if (!same) comparison.add(fmt::format("{}.kafka.{}", path, name));
  }
}

void compare_consumers(Comparison& comparison, const ConsumerConfig& running,
                       const ConsumerConfig& wanted) {
  const std::string path = fmt::format("consumers[{}]", running.group);
  compare_kafka(comparison, path, running.kafka, wanted.kafka);
  comparison.compare(path + ".aws", running.aws_iam, wanted.aws_iam);
}

}  // namespace

std::vector<std::string> changes_that_need_a_restart(const Config& running, const Config& wanted) {
  Comparison comparison;
  comparison.compare("topic_prefix", running.topic_prefix, wanted.topic_prefix);
  comparison.compare("staging_path", running.staging_path, wanted.staging_path);
  comparison.compare("commit_interval", running.commit_interval, wanted.commit_interval);
  comparison.compare("drain_deadline", running.drain_deadline, wanted.drain_deadline);
  comparison.compare("revoke_deadline", running.revoke_deadline, wanted.revoke_deadline);
  comparison.compare("memory_budget", running.memory_budget, wanted.memory_budget);
  // `none` is a word of the same key.
  const auto socket_of = [](const Config& config) {
    return std::pair(config.admin.enabled, config.admin.socket);
  };
  comparison.compare("admin.socket", socket_of(running), socket_of(wanted));
  comparison.compare("log.format", running.log.format, wanted.log.format);
  comparison.compare("log.level", running.log.level, wanted.log.level);
  comparison.compare("log.levels", running.log.levels, wanted.log.levels);
  if (running.consumers.size() != wanted.consumers.size()) {
    comparison.add("consumers");
    return comparison.take();
  }
  for (std::size_t i = 0; i < running.consumers.size(); ++i) {
    if (running.consumers[i].group != wanted.consumers[i].group) {
      comparison.add(fmt::format("consumers[{}].group", running.consumers[i].group));
      continue;
    }
    compare_consumers(comparison, running.consumers[i], wanted.consumers[i]);
  }
  return comparison.take();
}

}  // namespace moult
