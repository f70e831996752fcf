#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "runtime/base/result.h"

namespace moult::config {

/// The contents of a regular file of at most `max_bytes`. Other kinds of file are refused before
/// they are opened: reading a pipe could block for ever, and opening a device can have effects. The
/// error names the cause, not the file.
Result<std::string> read_regular_file(const std::filesystem::path& file, std::size_t max_bytes);

}  // namespace moult::config
