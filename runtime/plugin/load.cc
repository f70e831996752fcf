#include "runtime/plugin/load.h"

#include <utility>

#include "runtime/plugin/loaded_generation.h"
#include "runtime/plugin/plugin_file.h"
#include "runtime/plugin/stage.h"

namespace moult {
namespace {

void sweep(const std::filesystem::path& staging, Logger log) {
  const std::uint32_t removed = sweep_staging(staging);
  if (removed == 0) return;
  log.info("removed plugin copies that ended processes left behind",
           {{"directory", staging.native()}, {"count", removed}});
}

}  // namespace

Result<std::shared_ptr<Generation>> load_generation(const GenerationSpec& spec,
                                                    const std::filesystem::path& staging,
                                                    Logger log) {
  sweep(staging, log);
  Result<StagedPlugin> copy = stage_plugin(spec.plugin, staging);
  if (!copy) return Unexpected<Error>{std::move(copy).error()};
  Result<PluginFacts> facts = verify_plugin_file(copy->fd(), copy->size(), spec.plugin);
  if (!facts) return Unexpected<Error>{std::move(facts).error()};
  log.debug("plugin verified", {{"handler", spec.handler},
                                {"generation", spec.number},
                                {"file", copy->source().native()},
                                {"copy", copy->path().native()},
                                {"build_id", facts->build_id}});
  return LoadedGeneration::load(spec, std::move(copy).value(), std::move(facts).value(), log);
}

}  // namespace moult
