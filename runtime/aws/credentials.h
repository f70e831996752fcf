#pragma once

#include <optional>
#include <string>

#include "runtime/aws/utc.h"

namespace moult::aws {

/// What requests to AWS are signed with. Never logged, and no part of any error.
struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;       // empty for those of a user
  std::optional<UtcTime> expires;  // nothing for those of a user
};

}  // namespace moult::aws
