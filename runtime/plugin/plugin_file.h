#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace moult {

/// What a plugin file says of itself without any of its code running.
struct PluginFacts {
  std::string name;
  std::string version;
  std::uint32_t abi_major = 0;
  std::uint32_t abi_minor = 0;
  std::string build_id = "none";      // hex
  std::uint64_t capabilities = 0;     // wanted and required, MOULT_CAP_…
  std::vector<std::byte> descriptor;  // the note's, to compare with what the entry returns
};

/// Reads `fd` (a private copy that nobody writes to) and refuses what could not be loaded here, is
/// no plugin of this ABI, or could not be unloaded again. `shown` names the file in messages.
Result<PluginFacts> verify_plugin_file(int fd, std::uint64_t size,
                                       const std::filesystem::path& shown);

}  // namespace moult
