#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "runtime/base/result.h"

namespace moult::kafka {

/// What a client shows a broker for SASL/OAUTHBEARER.
struct Token {
  std::string text;  // a secret while it lasts
  std::chrono::system_clock::time_point expires;
};

/// Makes tokens. A seam: of where they come from, this folder knows nothing.
class TokenSource {
 public:
  virtual ~TokenSource() = default;

  /// Called on the token threads of all clients that share it, also at once. May block for seconds;
  /// `stop` asks it to end early. The error is logged: it repeats no secret.
  virtual Result<Token> make(const std::stop_token& stop) = 0;
};

}  // namespace moult::kafka
