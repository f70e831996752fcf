#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "runtime/aws/credentials.h"
#include "runtime/base/result.h"

namespace moult::aws {

using EnvironmentLookup = std::function<std::optional<std::string>(std::string_view name)>;

/// Of the service that AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or …_FULL_URI names (ECS, EKS Pod
/// Identity); nothing when neither is set. The credentials' own secret goes only by TLS, to this
/// machine or to AWS's link-local addresses.
Result<std::optional<Credentials>> from_container(const EnvironmentLookup& environment,
                                                  const std::stop_token& stop);

/// Of the role of the EC2 instance, by IMDSv2. Nothing when AWS_EC2_METADATA_DISABLED is true.
Result<std::optional<Credentials>> from_instance(const EnvironmentLookup& environment,
                                                 const std::stop_token& stop);

}  // namespace moult::aws
