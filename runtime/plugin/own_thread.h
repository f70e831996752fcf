#pragma once

#include <functional>

#include "runtime/base/result.h"

namespace moult {

/// Runs `call`, which must not throw, on a thread of its own and waits for its end, so that what it
/// left in thread_local objects is gone. Fails, without having run it, when there is no thread.
Status on_own_thread(const std::function<void()>& call) noexcept;

}  // namespace moult
