#include "runtime/app/membership.h"

#include <algorithm>
#include <random>
#include <utility>

#include "runtime/app/aws_tokens.h"
#include "runtime/app/handler_plans.h"
#include "runtime/plugin/load.h"

namespace moult {
namespace {

constexpr GenerationNumber kFirstGeneration{1};  // as the dispatcher begins with

kafka::ConsumerOptions options_of(const Config& config, const ConsumerConfig& consumer) {
  kafka::ConsumerOptions options;
  options.group = consumer.group;
  options.properties = properties_of(consumer);
  options.memory_budget = memory_budget_of(config);
  options.dispatch.commit_interval = config.commit_interval;
  options.dispatch.revoke_deadline = config.revoke_deadline;
  options.dispatch.seed = std::random_device{}();
  for (const HandlerConfig& handler : consumer.handlers) {
    options.topics.push_back(handler.topics);
    options.dispatch.handlers.push_back(policy_of(config, handler));
  }
  return options;
}

}  // namespace

kafka::Properties properties_of(const ConsumerConfig& consumer) {
  kafka::Properties result;
  for (const auto& [name, property] : consumer.kafka) result.emplace(name, property.value);
  if (consumer.aws_iam) result.tokens = make_aws_tokens(*consumer.aws_iam);
  return result;
}

Result<std::unique_ptr<Membership>> Membership::make(const Config& config,
                                                     const ConsumerConfig& consumer,
                                                     const std::filesystem::path& staging,
                                                     Logger log) {
  std::unique_ptr<Membership> made(new Membership);
  made->group_ = consumer.group;
  for (const HandlerConfig& handler : consumer.handlers) {
    auto plan = plan_of(config, consumer, handler);
    if (!plan) return Unexpected(plan.error());
    auto plugin = prepare_plugin(plan->spec.plugin, staging, plan->spec.trust);
    if (!plugin) return Unexpected(plugin.error());
    ActiveHandler& active = made->handlers_.at(made->handlers_.add(handler.name));
    plan->spec.unloads = active.unloads();
    auto loaded = load_handler(*plan, kFirstGeneration, std::move(*plugin), log);
    if (!loaded) return Unexpected(loaded.error());
    active.add(kFirstGeneration, std::move(loaded->running));
    made->first_.push_back({std::move(loaded->facts), plan->policy, plan->topics, plan->fixed});
  }
  made->outbox_ =
      std::make_unique<Outbox>(properties_of(consumer), log.for_component(Component::kWorkers));
  const bool has_dead_letters = std::ranges::any_of(
      consumer.handlers, [](const auto& it) { return it.give_up == GiveUp::kDeadLetter; });
  if (has_dead_letters) {
    if (const Status opened = made->outbox_->open(); !opened) return Unexpected(opened.error());
  }
  made->lanes_ = std::make_unique<LaneTable>(made->handlers_, *made->outbox_,
                                             log.for_component(Component::kWorkers));
  auto client = kafka::Consumer::make(options_of(config, consumer), *made->lanes_, log);
  if (!client) return Unexpected(client.error());
  made->consumer_ = std::move(*client);
  made->lanes_->answer_to(*made->consumer_);
  return made;
}

/// The workers of a generation, as its last users, go before it does.
Membership::~Membership() {
  consumer_.reset();
  lanes_.reset();
}

bool Membership::wait_idle(TimePoint until) {
  return std::ranges::all_of(handlers_.all(),
                             [&](ActiveHandler* handler) { return handler->wait_idle(until); });
}

ReloadGroup Membership::reload_group() { return {group_, consumer_.get(), &handlers_, first_}; }

std::vector<std::string> Membership::pause(const std::vector<std::string>& names, bool paused) {
  std::vector<std::string> meant;
  const auto named = [&](const std::string& name) { return std::ranges::count(names, name) > 0; };
  const std::vector<ActiveHandler*> handlers = handlers_.all();
  for (std::size_t i = 0; i < handlers.size(); ++i) {
    const std::string& name = handlers[i]->name();
    if (!handlers[i]->at_work() || (!names.empty() && !named(group_) && !named(name))) continue;
    consumer_->pause(HandlerIndex{static_cast<std::uint32_t>(i)}, paused);
    meant.push_back(name);
  }
  return meant;
}

std::vector<HandlerTotals> Membership::totals() const {
  std::vector<HandlerTotals> totals;
  for (const ActiveHandler* handler : handlers_.all()) {
    const HandlerCounters& counters = handler->counters();
    // One that a reload was to bring, and refused.
    if (counters.lanes == 0 && !handler->at_work()) continue;
    totals.push_back({group_, handler->name(), counters.records, counters.batches, counters.lanes,
                      counters.failures, counters.dead_letters, counters.skipped,
                      Duration(counters.last_batch_at - counters.first_batch_at)});
  }
  return totals;
}

std::vector<HandlerTotals> totals_of(const std::vector<std::unique_ptr<Membership>>& memberships) {
  std::vector<HandlerTotals> totals;
  for (const auto& membership : memberships) {
    for (HandlerTotals& total : membership->totals()) totals.push_back(std::move(total));
  }
  return totals;
}

}  // namespace moult
