#pragma once

#include <filesystem>

#include "runtime/base/result.h"

namespace moult {

/// Where private copies of plugins go: as configured, else systemd's $CACHE_DIRECTORY, else the
/// user's cache folder. Made when missing, mode 0700; one that is there is left as it is.
Result<std::filesystem::path> prepare_staging(const std::filesystem::path& configured);

/// Where crash reports go: systemd's $LOGS_DIRECTORY, else where the copies of plugins go. Need not
/// exist: stderr has the report too.
std::filesystem::path crash_folder();

}  // namespace moult
