#include "runtime/app/membership.h"

#include <algorithm>
#include <random>
#include <utility>

#include "runtime/app/plugin_verdict.h"
#include "runtime/plugin/load.h"

namespace moult {
namespace {

// How many records of a partition may be handled before one that is not: as many come again after a
// crash.
constexpr std::uint64_t kMaxAhead = 10'000;

// How many bytes of a partition may lie in its slots.
constexpr std::uint64_t kLeastAheadBytes = 1024ULL * 1024;
constexpr std::uint64_t kMostAheadBytes = 16 * kLeastAheadBytes;

HandlerPolicy policy_of(const HandlerConfig& handler, std::uint64_t memory_budget) {
  HandlerPolicy policy;
  policy.backoff = handler.retry.backoff;
  policy.backoff_max = handler.retry.backoff_max;
  policy.deadline = handler.deadline;
  if (handler.ordering != Ordering::kPartition) policy.max_ahead = kMaxAhead;
  policy.max_ahead_bytes = std::clamp(memory_budget / 64, kLeastAheadBytes, kMostAheadBytes);
  return policy;
}

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

kafka::ConsumerOptions options_of(const Config& config, const ConsumerConfig& consumer) {
  kafka::ConsumerOptions options;
  options.group = consumer.group;
  options.properties = properties_of(consumer);
  options.memory_budget = config.memory_budget / config.consumers.size();
  options.dispatch.commit_interval = config.commit_interval;
  options.dispatch.revoke_deadline = config.revoke_deadline;
  options.dispatch.seed = std::random_device{}();
  for (const HandlerConfig& handler : consumer.handlers) {
    options.topics.push_back(handler.topics);
    options.exit_on_deadline.push_back(handler.on_deadline == OnDeadline::kExit);
    options.dispatch.handlers.push_back(policy_of(handler, options.memory_budget));
  }
  return options;
}

}  // namespace

kafka::Properties properties_of(const ConsumerConfig& consumer) {
  kafka::Properties result;
  for (const auto& [name, property] : consumer.kafka) result.emplace(name, property.value);
  return result;
}

Result<std::shared_ptr<Generation>> load_handler(const HandlerConfig& handler,
                                                 const std::filesystem::path& staging, Logger log) {
  GenerationSpec spec;
  spec.handler = handler.name;
  spec.plugin = handler.plugin;
  spec.settings_json = handler.settings_json;
  spec.trust = trust_of(handler.plugin_trust);
  return load_generation(spec, staging, log.for_component(Component::kPlugin));
}

Result<std::unique_ptr<Membership>> Membership::make(const Config& config,
                                                     const ConsumerConfig& consumer,
                                                     const std::filesystem::path& staging,
                                                     Logger log) {
  std::unique_ptr<Membership> made(new Membership);
  made->group_ = consumer.group;
  std::vector<ActiveHandler*> handlers;
  for (const HandlerConfig& handler : consumer.handlers) {
    auto generation = load_handler(handler, staging, log);
    if (!generation) return Unexpected(generation.error());
    auto& active = *made->handlers_.emplace_back(std::make_unique<ActiveHandler>());
    auto settings = settings_of(consumer, handler, config.topic_prefix);
    if (!settings) return Unexpected(settings.error());
    active.settings = std::move(*settings);
    active.generation = std::move(*generation);
    active.workers = std::make_unique<WorkerPool>("mw-" + handler.name, handler.workers);
    handlers.push_back(&active);
  }
  made->outbox_ =
      std::make_unique<Outbox>(properties_of(consumer), log.for_component(Component::kWorkers));
  const bool has_dead_letters = std::ranges::any_of(
      consumer.handlers, [](const auto& it) { return it.give_up == GiveUp::kDeadLetter; });
  if (has_dead_letters) {
    if (const Status opened = made->outbox_->open(); !opened) return Unexpected(opened.error());
  }
  made->lanes_ = std::make_unique<LaneTable>(std::move(handlers), *made->outbox_,
                                             log.for_component(Component::kWorkers));
  auto client = kafka::Consumer::make(options_of(config, consumer), *made->lanes_, log);
  if (!client) return Unexpected(client.error());
  made->consumer_ = std::move(*client);
  made->lanes_->answer_to(*made->consumer_);
  return made;
}

std::vector<HandlerTotals> Membership::totals() const {
  std::vector<HandlerTotals> totals;
  for (const auto& handler : handlers_) {
    const HandlerCounters& counters = handler->counters;
    totals.push_back({group_, handler->settings.handler, counters.records, counters.batches,
                      counters.lanes, counters.failures, counters.dead_letters, counters.skipped,
                      Duration(counters.last_batch_at - counters.first_batch_at)});
  }
  return totals;
}

}  // namespace moult
