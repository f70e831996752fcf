#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

namespace moult {

/// Whose code may run here. Root's may always: it could run anything anyway.
struct PluginTrust {
  std::optional<uid_t> owner;      // of the file and of every folder on the way; nothing: our own
  bool manifest_required = false;  // FILE.sha256 has to be there; where it is, it always counts
};

/// A plugin file as configured, open, with what stands beside it.
struct PluginSource {
  std::filesystem::path path;  // symlinks resolved
  UniqueFd fd;
  struct stat before {};
  std::optional<std::string> manifest;  // contents of FILE.sha256
  std::optional<std::string> sample;    // contents of FILE.sample
};

/// Opens what `plugin` resolves to. Every folder on the way, also those that a symlink leads
/// through, is judged by the descriptor by which the next one is opened, and so is the file: nobody
/// who isn't trusted can put another one in its place in between.
Result<PluginSource> open_plugin_source(const std::filesystem::path& plugin,
                                        const PluginTrust& trust);

}  // namespace moult
