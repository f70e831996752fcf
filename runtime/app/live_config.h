#pragma once

#include <string>
#include <vector>

#include "runtime/config/config.h"

namespace moult {

/// What `wanted` has otherwise than `running` and can't be changed without a restart, each by the
/// path of its key: "consumers[orders].kafka.client.id". Of handlers their FixedKeys say so.
std::vector<std::string> changes_that_need_a_restart(const Config& running, const Config& wanted);

}  // namespace moult
