#include "runtime/plugin/load.h"

#include <utility>

#include "runtime/plugin/loaded_generation.h"

namespace moult {

Result<PreparedPlugin> prepare_plugin(const std::filesystem::path& plugin,
                                      const std::filesystem::path& staging,
                                      const PluginTrust& trust) {
  Result<StagedPlugin> copy = stage_plugin(plugin, staging, trust);
  if (!copy) return Unexpected<Error>{std::move(copy).error()};
  Result<PluginFacts> facts = verify_plugin_file(copy->fd(), copy->size(), plugin);
  if (!facts) return Unexpected<Error>{std::move(facts).error()};
  return PreparedPlugin{std::move(*copy), std::move(*facts)};
}

Result<std::shared_ptr<Generation>> load_prepared(const GenerationSpec& spec, PreparedPlugin plugin,
                                                  Logger log) {
  log.debug("plugin verified", {{"handler", spec.handler},
                                {"generation", spec.number},
                                {"file", plugin.copy.source().native()},
                                {"copy", plugin.copy.path().native()},
                                {"build_id", plugin.facts.build_id}});
  return LoadedGeneration::load(spec, std::move(plugin.copy), std::move(plugin.facts), log);
}

Result<std::shared_ptr<Generation>> load_generation(const GenerationSpec& spec,
                                                    const std::filesystem::path& staging,
                                                    Logger log) {
  Result<PreparedPlugin> plugin = prepare_plugin(spec.plugin, staging, spec.trust);
  if (!plugin) return Unexpected<Error>{std::move(plugin).error()};
  return load_prepared(spec, std::move(*plugin), log);
}

}  // namespace moult
