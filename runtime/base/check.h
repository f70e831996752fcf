#pragma once

namespace moult {

/// Ends the process with the place and the reason. Async-signal-safe.
[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               const char* reason) noexcept;

}  // namespace moult

/// A broken invariant: on in release too, because dying is better than committing a wrong offset.
#define MOULT_CHECK(condition, reason)                               \
  do {                                                               \
    if (!(condition)) [[unlikely]] {                                 \
      ::moult::check_failed(__FILE__, __LINE__, #condition, reason); \
    }                                                                \
  } while (false)
