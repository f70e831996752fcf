#pragma once

#include <filesystem>
#include <string_view>

#include "runtime/base/result.h"

namespace moult {

/// Compares the bytes of `fd`, the private copy, with the line for the file's name in `manifest`,
/// which is what sha256sum prints. `plugin` names the file in messages, `name` in the manifest.
Status check_manifest(int fd, std::string_view manifest, const std::filesystem::path& plugin,
                      std::string_view name);

}  // namespace moult
