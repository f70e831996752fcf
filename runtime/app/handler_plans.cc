#include "runtime/app/handler_plans.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/app/plugin_verdict.h"

namespace moult {
namespace {

// How many records of a partition may be handled before one that is not: as many come again after a
// crash.
constexpr std::uint64_t kMaxAhead = 10'000;

// How many bytes of a partition may lie in its slots.
constexpr std::uint64_t kLeastAheadBytes = 1024ULL * 1024;
constexpr std::uint64_t kMostAheadBytes = 16 * kLeastAheadBytes;

Result<LaneSettings> settings_of(const ConsumerConfig& consumer, const HandlerConfig& handler,
                                 const std::string& topic_prefix) {
  LaneSettings settings;
  settings.group = consumer.group;
  settings.handler = handler.name;
  settings.limits = {handler.batch.max_records, handler.batch.max_bytes, handler.batch.linger};
  settings.give_up = {handler.retry.max_attempts, handler.give_up};
  settings.dead_letter_topic = handler.dead_letter_topic;
  settings.topic_prefix = topic_prefix;
  settings.where = handler.where;
  if (handler.ordering == Ordering::kPartition) return settings;
  settings.spread.slots = handler.max_slots;
  settings.spread.by_key = handler.ordering == Ordering::kKey;
  if (handler.key_pointer.empty()) return settings;
  auto pointer = route::KeyPointer::parse(handler.key_pointer);
  if (!pointer) return Unexpected(pointer.error());
  settings.spread.pointer = std::move(*pointer);
  return settings;
}

/// Every key that a running handler can take up, as one text.
std::string fingerprint_of(const HandlerConfig& handler) {
  return fmt::format(
      "{}\n{} {} {}\n{} {} {}\n{} {}\n{} {} {}\n{}\n{}", handler.plugin.native(),
      handler.batch.max_records, handler.batch.max_bytes, handler.batch.linger.count(),
      handler.retry.max_attempts, handler.retry.backoff.count(), handler.retry.backoff_max.count(),
      static_cast<int>(handler.give_up), handler.dead_letter_topic, handler.deadline.count(),
      static_cast<int>(handler.on_deadline), handler.workers,
      handler.where ? handler.where->text() : "", handler.settings_json);
}

/// How the records of a partition are spread: the lanes that there are stand on it.
FixedKeys fixed_of(const ConsumerConfig& consumer, const HandlerConfig& handler) {
  const std::string path = fmt::format("consumers[{}].handlers[{}]", consumer.group, handler.name);
  return {{path + ".ordering", std::to_string(static_cast<int>(handler.ordering))},
          {path + ".key", handler.key_pointer},
          {path + ".max_slots", std::to_string(handler.max_slots)}};
}

}  // namespace

std::uint64_t memory_budget_of(const Config& config) {
  return config.memory_budget / config.consumers.size();
}

HandlerPolicy policy_of(const Config& config, const HandlerConfig& handler) {
  HandlerPolicy policy;
  policy.backoff = handler.retry.backoff;
  policy.backoff_max = handler.retry.backoff_max;
  policy.deadline = handler.deadline;
  policy.exit_on_deadline = handler.on_deadline == OnDeadline::kExit;
  if (handler.ordering != Ordering::kPartition) policy.max_ahead = kMaxAhead;
  policy.max_ahead_bytes =
      std::clamp(memory_budget_of(config) / 64, kLeastAheadBytes, kMostAheadBytes);
  return policy;
}

Result<HandlerPlan> plan_of(const Config& config, const ConsumerConfig& consumer,
                            const HandlerConfig& handler) {
  HandlerPlan plan;
  plan.spec.handler = handler.name;
  plan.spec.plugin = handler.plugin;
  plan.spec.settings_json = handler.settings_json;
  plan.spec.trust = trust_of(handler.plugin_trust);
  plan.preflight = preflight_spec_of(handler);
  auto settings = settings_of(consumer, handler, config.topic_prefix);
  if (!settings) return Unexpected(settings.error());
  plan.settings = std::move(*settings);
  plan.policy = policy_of(config, handler);
  plan.workers = handler.workers;
  plan.topics = handler.topics;
  plan.soak = config.soak;
  if (handler.canary) {
    const CanaryConfig& canary = *handler.canary;
    plan.canary = {canary.lanes, canary.share,        canary.batches,
                   canary.time,  canary.max_failures, canary.max_slowdown};
  }
  plan.fingerprint = fingerprint_of(handler);
  plan.fixed = fixed_of(consumer, handler);
  return plan;
}

Result<std::vector<HandlerPlan>> plans_of(const Config& config) {
  std::vector<HandlerPlan> plans;
  for (const ConsumerConfig& consumer : config.consumers) {
    for (const HandlerConfig& handler : consumer.handlers) {
      auto plan = plan_of(config, consumer, handler);
      if (!plan) return Unexpected(plan.error());
      plans.push_back(std::move(*plan));
    }
  }
  return plans;
}

}  // namespace moult
