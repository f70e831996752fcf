#include "runtime/reload/handler_plan.h"

#include <utility>

namespace moult {

std::vector<std::string> changed_keys(const FixedKeys& running, const FixedKeys& wanted) {
  std::vector<std::string> changed;
  for (const auto& [key, value] : wanted) {
    const auto before = running.find(key);
    if (before != running.end() && before->second != value) changed.push_back(key);
  }
  return changed;
}

Result<LoadedHandler> load_handler(const HandlerPlan& plan, GenerationNumber number,
                                   PreparedPlugin plugin, Logger log) {
  GenerationSpec spec = plan.spec;
  spec.number = static_cast<std::uint32_t>(number);
  std::string content_hash = plugin.copy.content_hash();
  auto generation = load_prepared(spec, std::move(plugin), log.for_component(Component::kPlugin));
  if (!generation) return Unexpected(generation.error());
  const Generation& loaded = **generation;
  GenerationFacts facts{number,
                        loaded.plugin_name(),
                        loaded.plugin_version(),
                        loaded.build_id(),
                        std::move(content_hash),
                        plan.fingerprint};
  return LoadedHandler{std::move(facts), std::make_unique<RunningGeneration>(
                                             plan.settings, std::move(*generation), plan.workers)};
}

}  // namespace moult
