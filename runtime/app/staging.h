#pragma once

#include <filesystem>

#include "runtime/base/result.h"

namespace moult {

/// Where private copies of plugins go: as configured, else systemd's $CACHE_DIRECTORY, else the
/// user's cache folder. Made when missing, mode 0700.
Result<std::filesystem::path> prepare_staging(const std::filesystem::path& configured);

}  // namespace moult
