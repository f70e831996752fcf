#pragma once

#include <chrono>
#include <string>

#include "runtime/admin/admin_message.h"
#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

namespace moult {

/// Sends one request over a connected socket and waits for its answer. `config_key` names the
/// daemon that is meant; empty: whichever answers.
Result<AdminResponse> exchange_http(UniqueFd socket, const AdminRequest& request,
                                    const std::string& config_key,
                                    std::chrono::milliseconds timeout);

/// The answer of a daemon that runs another configuration than the one meant.
inline constexpr int kOtherDaemon = 421;

}  // namespace moult
