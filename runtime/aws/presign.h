#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "runtime/aws/credentials.h"
#include "runtime/aws/utc.h"
#include "runtime/base/result.h"

namespace moult::aws {

/// A GET request without a body whose only signed header is its host.
struct PresignRequest {
  std::string host;
  std::string path = "/";                                  // not encoded
  std::vector<std::pair<std::string, std::string>> query;  // not encoded, in any order
  std::string region;
  std::string service;
  std::chrono::seconds lifetime{0};  // of the signature
};

/// The URL with the signature in its query (Signature Version 4), good from `now` on for the
/// request's lifetime. Pure. Fails only when OpenSSL does.
Result<std::string> presigned_url(const PresignRequest& request, const Credentials& credentials,
                                  UtcTime now);

/// Everything but letters, digits, '-', '.', '_' and '~' as %XX.
std::string percent_encoded(std::string_view text);

}  // namespace moult::aws
