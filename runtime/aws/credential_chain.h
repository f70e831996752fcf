#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "runtime/aws/credentials.h"
#include "runtime/aws/environment.h"
#include "runtime/aws/http.h"
#include "runtime/base/result.h"

namespace moult::aws {

/// Where credentials are looked for, in this order; the first place that is set up decides, and its
/// failure is not covered up by the next one:
///   1. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN in the environment;
///   2. the profile (`profile`, else AWS_PROFILE, else "default") of the shared credentials file
///      (AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials);
///   3. the container's service: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or …_FULL_URI;
///   4. the instance's metadata service (version 2 of its protocol).
/// A `profile` that is asked for by name is the only place.
struct CredentialPlaces {
  Environment environment;
  std::string profile = {};
  std::chrono::milliseconds timeout = kAnswerTimeout;  // of each question to a service
};

/// Asks anew at each call: services give out others before those that they gave have ended. Blocks
/// for some seconds at most; `stop` ends it early. Any thread. Errors name the place, no secret.
Result<Credentials> find_credentials(const CredentialPlaces& places, const std::stop_token& stop);

}  // namespace moult::aws
