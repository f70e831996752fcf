#pragma once

#include <string>

#include "runtime/aws/credentials.h"
#include "runtime/base/result.h"

namespace moult::aws {

/// What an MSK broker takes for SASL/OAUTHBEARER where it asks for IAM.
struct MskToken {
  std::string text;  // a secret while it lasts
  UtcTime expires;
};

/// A presigned request "may I connect", which the broker has AWS judge. Pure. It lasts 15 minutes,
/// or as long as the credentials do; fails when they have ended.
Result<MskToken> make_msk_token(const Credentials& credentials, const std::string& region,
                                UtcTime now);

}  // namespace moult::aws
