#include "runtime/plugin/own_thread.h"

#include <fmt/format.h>

#include <system_error>
#include <thread>

#include "runtime/base/alt_stack.h"

namespace moult {

Status on_own_thread(const std::function<void()>& call) noexcept {
  try {
    std::thread thread([&]() noexcept {
      const AltStack alt_stack;  // for the report of a stack overflow
      call();
    });
    thread.join();
    return Ok{};
  } catch (const std::system_error& error) {
    return failure(fmt::format("there is no thread for it: {}", error.what()));
  }
}

}  // namespace moult
