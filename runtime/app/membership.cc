#include "runtime/app/membership.h"

#include <random>
#include <utility>

#include "runtime/plugin/load.h"

namespace moult {
namespace {

kafka::Properties plain(const KafkaProperties& properties) {
  kafka::Properties result;
  for (const auto& [name, property] : properties) result.emplace(name, property.value);
  return result;
}

kafka::ConsumerOptions options_of(const Config& config, const ConsumerConfig& consumer) {
  kafka::ConsumerOptions options;
  options.group = consumer.group;
  options.properties = plain(consumer.kafka);
  options.dispatch.commit_interval = config.commit_interval;
  options.dispatch.revoke_deadline = config.revoke_deadline;
  options.dispatch.seed = std::random_device{}();
  for (const HandlerConfig& handler : consumer.handlers) {
    options.topics.push_back(handler.topics);
    options.dispatch.handlers.push_back({handler.retry.backoff, handler.retry.backoff_max});
  }
  return options;
}

}  // namespace

Result<std::shared_ptr<Generation>> load_handler(const HandlerConfig& handler,
                                                 const std::filesystem::path& staging, Logger log) {
  GenerationSpec spec;
  spec.handler = handler.name;
  spec.plugin = handler.plugin;
  spec.settings_json = handler.settings_json;
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
    active.name = handler.name;
    active.limits = {handler.batch.max_records, handler.batch.max_bytes, handler.batch.linger};
    active.generation = std::move(*generation);
    active.workers = std::make_unique<WorkerPool>("mw-" + handler.name, handler.workers);
    handlers.push_back(&active);
  }
  made->lanes_ =
      std::make_unique<LaneTable>(std::move(handlers), log.for_component(Component::kWorkers));
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
    totals.push_back({group_, handler->name, counters.records, counters.batches, counters.lanes,
                      counters.failures,
                      Duration(counters.last_batch_at - counters.first_batch_at)});
  }
  return totals;
}

}  // namespace moult
