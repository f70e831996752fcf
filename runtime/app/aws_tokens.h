#pragma once

#include <memory>

#include "runtime/config/config.h"
#include "runtime/kafka/token_source.h"

namespace moult {

/// The tokens of `preset: msk-iam`, signed with credentials that are looked for anew for each.
std::shared_ptr<kafka::TokenSource> make_aws_tokens(const AwsIamConfig& config);

}  // namespace moult
