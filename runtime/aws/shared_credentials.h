#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/aws/credentials.h"
#include "runtime/base/result.h"

namespace moult::aws {

/// The credentials of one profile in the text of a shared credentials file. Nothing when it has no
/// such profile. The error names lines and keys, no values.
Result<std::optional<Credentials>> find_profile(std::string_view text, std::string_view profile);

/// The same of a file; nothing when there is none.
Result<std::optional<Credentials>> read_profile(const std::filesystem::path& file,
                                                std::string_view profile);

}  // namespace moult::aws
