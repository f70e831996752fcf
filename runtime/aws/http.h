#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/result.h"

namespace moult::aws {

inline constexpr std::chrono::milliseconds kAnswerTimeout{2'000};

/// A question to a service that gives out credentials.
struct HttpRequest {
  enum class Method { kGet, kPut };

  Method method = Method::kGet;
  std::string url;  // http or https
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// Of all of it; half of it is for the connection.
  std::chrono::milliseconds timeout = kAnswerTimeout;
};

struct HttpResponse {
  long status = 0;
  std::string body;  // may hold secrets
};

inline constexpr std::size_t kMaxBodyBytes = 64UL * 1024;

/// Asks once, without proxies and without following to elsewhere. An answer of any status is one.
/// Blocks; `stop` ends it early. The error names the URL without its query, and no header.
Result<HttpResponse> fetch(const HttpRequest& request, const std::stop_token& stop);

}  // namespace moult::aws
