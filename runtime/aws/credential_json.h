#pragma once

#include <string_view>

#include "runtime/aws/credentials.h"
#include "runtime/base/result.h"

namespace moult::aws {

/// What containers' and instances' services answer: AccessKeyId, SecretAccessKey, Token,
/// Expiration. The error repeats nothing of it.
Result<Credentials> parse_credentials(std::string_view json);

}  // namespace moult::aws
