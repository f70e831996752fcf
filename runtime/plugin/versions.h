#pragma once

#include <libelf.h>

#include <filesystem>

#include "runtime/base/result.h"

namespace moult {

/// Compares the versions that a plugin needs of its libraries (GLIBC_2.38, GLIBCXX_3.4.31 …) with
/// those that the libraries of this process have. A library that is not loaded here is left to the
/// loader.
Status check_versions(Elf* elf, const std::filesystem::path& shown);

}  // namespace moult
