#include "runtime/workers/active_handler.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace moult {

void ActiveHandler::add(GenerationNumber number, std::unique_ptr<RunningGeneration> generation) {
  const std::lock_guard lock(mutex_);
  generations_.emplace(number, std::move(generation));
}

GenerationUse ActiveHandler::use(GenerationNumber number) {
  const std::lock_guard lock(mutex_);
  const auto at = generations_.find(number);
  MOULT_CHECK(at != generations_.end(), "a generation that is not at work");
  return GenerationUse(*at->second);
}

std::unique_ptr<RunningGeneration> ActiveHandler::take(GenerationNumber number) {
  const std::lock_guard lock(mutex_);
  auto taken = generations_.extract(number);
  return taken ? std::move(taken.mapped()) : nullptr;
}

std::vector<ActiveHandler::WorkersSeen> ActiveHandler::workers() const {
  const std::lock_guard lock(mutex_);
  std::vector<WorkersSeen> seen;
  for (const auto& [number, generation] : generations_) {
    const WorkerPool& workers = std::as_const(*generation).workers();
    seen.push_back({workers.name(), workers.activities()});
  }
  return seen;
}

bool ActiveHandler::at_work() const {
  const std::lock_guard lock(mutex_);
  return !generations_.empty();
}

bool ActiveHandler::wait_idle(TimePoint until) {
  const std::lock_guard lock(mutex_);
  return std::ranges::all_of(generations_,
                             [&](const auto& it) { return it.second->workers().wait_idle(until); });
}

HandlerIndex ActiveHandlers::add(std::string name) {
  const std::lock_guard lock(mutex_);
  handlers_.push_back(std::make_unique<ActiveHandler>(std::move(name)));
  return HandlerIndex{static_cast<std::uint32_t>(handlers_.size() - 1)};
}

ActiveHandler& ActiveHandlers::at(HandlerIndex handler) const {
  const std::lock_guard lock(mutex_);
  return *handlers_.at(static_cast<std::size_t>(handler));
}

std::vector<ActiveHandler*> ActiveHandlers::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<ActiveHandler*> all;
  for (const auto& handler : handlers_) all.push_back(handler.get());
  return all;
}

std::size_t ActiveHandlers::size() const {
  const std::lock_guard lock(mutex_);
  return handlers_.size();
}

}  // namespace moult
