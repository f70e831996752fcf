#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/admin/admin_message.h"
#include "runtime/base/result.h"

namespace moult {

// The bodies of the requests and of their answers. Requests are read strictly: a daemon that does
// not know what a newer client asks for must say so. Of answers unknown members are passed over.

/// POST /pause, /resume: groups and handlers; none: all.
struct NamesBody {
  std::vector<std::string> names;

  std::string to_json() const;
  static Result<NamesBody> read(std::string_view json);
};

/// POST /reload: handlers; none: all.
struct ReloadBody {
  std::vector<std::string> handlers;
  bool force = false;
  std::chrono::milliseconds timeout{300'000};

  std::string to_json() const;
  static Result<ReloadBody> read(std::string_view json);
};

/// POST /rollback.
struct RollbackBody {
  std::string handler;

  std::string to_json() const;
  static Result<RollbackBody> read(std::string_view json);
};

/// The answer to every request that changes something, and to one that failed.
struct ActionAnswer {
  bool ok = false;
  std::string text;     // what a person reads, lines without the last newline
  std::string details;  // JSON as it is to be sent under "details"; empty: none. Not read back.

  std::string to_json() const;
  static Result<ActionAnswer> read(std::string_view json);
};

/// `status` with an ActionAnswer that says why.
AdminResponse refusal(int status, std::string text);

}  // namespace moult
