#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/config/config.h"
#include "runtime/reload/handler_plan.h"

namespace moult {

/// One consumer's part of the budget, in bytes.
std::uint64_t memory_budget_of(const Config& config);

HandlerPolicy policy_of(const Config& config, const HandlerConfig& handler);

/// What the config wants a handler to be.
Result<HandlerPlan> plan_of(const Config& config, const ConsumerConfig& consumer,
                            const HandlerConfig& handler);

/// Of all handlers, consumer by consumer.
Result<std::vector<HandlerPlan>> plans_of(const Config& config);

}  // namespace moult
