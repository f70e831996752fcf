#pragma once

#include <libelf.h>

#include <filesystem>

#include "runtime/base/result.h"

namespace moult {

/// Checks the dynamic symbols of a plugin: the entry and nothing else is exported, and nothing is
/// unique across the process.
Status check_symbols(Elf* elf, const std::filesystem::path& shown);

}  // namespace moult
