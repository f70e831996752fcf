#pragma once

#include <boost/dll/shared_library.hpp>
#include <functional>
#include <memory>
#include <string>

#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/plugin/generation.h"
#include "runtime/plugin/host_side.h"
#include "runtime/plugin/load.h"
#include "runtime/plugin/plugin_file.h"
#include "runtime/plugin/stage.h"

namespace moult {

/// A generation whose code runs in this process. One fresh library object a generation: loading a
/// second file into the same one would unload the first. The destructor unloads and proves it. What
/// a plugin does as it is loaded and unloaded it does on a thread that ends at once: a thread_local
/// of its static constructors would otherwise keep it mapped as long as the caller's thread lives.
class LoadedGeneration final : public Generation {
 public:
  /// Loads the verified copy and asks its entry for the table. `opened` is called in between.
  static Result<std::shared_ptr<Generation>> load(const GenerationSpec& spec, StagedPlugin copy,
                                                  PluginFacts facts, Logger log,
                                                  const std::function<void()>& opened = {});
  ~LoadedGeneration() override;

  std::uint32_t number() const override { return spec_.number; }
  const std::string& plugin_name() const override { return facts_.name; }
  const std::string& plugin_version() const override { return facts_.version; }
  const std::string& build_id() const override { return facts_.build_id; }
  std::uint64_t capabilities() const override { return facts_.capabilities; }

  Result<std::unique_ptr<Instance>> create(const LaneIdentity& lane, LaneHost& host) override;

 private:
  LoadedGeneration(const GenerationSpec& spec, StagedPlugin copy, PluginFacts facts, Logger log);

  Status open_library();
  Status call_entry();
  Status check_descriptor(const moult_descriptor* returned) const;
  Status check_table() const;
  void unload();

  // Constant after load().
  const GenerationSpec spec_;
  const StagedPlugin copy_;
  const PluginFacts facts_;
  const Logger log_;
  HostSide host_side_;
  boost::dll::shared_library library_;
  const moult_plugin* table_ = nullptr;
};

}  // namespace moult
