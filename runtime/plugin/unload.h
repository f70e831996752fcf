#pragma once

#include <filesystem>

namespace moult {

/// Whether a library is still in this process. dlclose returns 0 in both cases, so it is asked of
/// the loader and of the kernel.
bool is_still_loaded(const std::filesystem::path& library);

}  // namespace moult
