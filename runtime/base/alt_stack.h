#pragma once

#include <signal.h>

#include <cstddef>

namespace moult {

/// A stack for this thread's signal handlers, so that a stack overflow can be reported: there is no
/// room for a handler on the stack that is full. Make it where the thread begins; made and
/// destroyed by the same thread. Without memory for it the thread goes on without.
class AltStack {
 public:
  AltStack() noexcept;
  ~AltStack();
  AltStack(const AltStack&) = delete;
  AltStack& operator=(const AltStack&) = delete;

 private:
  void* memory_ = nullptr;  // one guard page, then the stack
  std::size_t size_ = 0;
  stack_t before_{};  // put back at the end: AddressSanitizer gives each thread one of its own
};

}  // namespace moult
