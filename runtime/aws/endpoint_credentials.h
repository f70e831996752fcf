#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "runtime/aws/credentials.h"
#include "runtime/aws/environment.h"
#include "runtime/base/result.h"

namespace moult::aws {

// `timeout` is of each question.

/// Of the service that AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or …_FULL_URI names (ECS, EKS Pod
/// Identity); nothing when neither is set. The credentials' own secret goes only by TLS, to this
/// machine or to AWS's link-local addresses.
Result<std::optional<Credentials>> from_container(const Environment& environment,
                                                  std::chrono::milliseconds timeout,
                                                  const std::stop_token& stop);

/// Of the role of the EC2 instance, by IMDSv2. Nothing when AWS_EC2_METADATA_DISABLED is true.
Result<std::optional<Credentials>> from_instance(const Environment& environment,
                                                 std::chrono::milliseconds timeout,
                                                 const std::stop_token& stop);

}  // namespace moult::aws
