#include "runtime/base/alt_stack.h"

#include <sys/mman.h>
#include <unistd.h>

namespace moult {
namespace {

/// The unwinder takes some 10 KiB, a build with sanitizers a few times that. Pages that no crash
/// ever touches cost nothing.
constexpr std::size_t kRoom = std::size_t{128} << 10;

std::size_t page_size() noexcept { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

/// What the kernel itself puts there grows with the processor's registers.
std::size_t stack_size() noexcept {
  const long frame = ::sysconf(_SC_MINSIGSTKSZ);
  const std::size_t wanted = kRoom + (frame > 0 ? static_cast<std::size_t>(frame) : 0);
  const std::size_t page = page_size();
  return (wanted + page - 1) / page * page;
}

}  // namespace

AltStack::AltStack() noexcept {
  const std::size_t guard = page_size();
  const std::size_t size = guard + stack_size();
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  stack_t stack{};
  stack.ss_sp = static_cast<char*>(memory) + guard;
  stack.ss_size = size - guard;
  const bool guarded = ::mprotect(memory, guard, PROT_NONE) == 0;
  if (!guarded || ::sigaltstack(&stack, &before_) != 0) {
    ::munmap(memory, size);
    return;
  }
  memory_ = memory;
  size_ = size;
}

AltStack::~AltStack() {
  if (memory_ == nullptr) return;
  if (::sigaltstack(&before_, nullptr) == 0) ::munmap(memory_, size_);
}

}  // namespace moult
