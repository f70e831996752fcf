#include "runtime/observe/crash_stack.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>

namespace moult {
namespace {

constexpr std::size_t kMaxFrames = 64;
constexpr std::size_t kHandlerFrames = 16;  // those of the handler itself, with a sanitizer's

// The dynamic linker has no name for the program itself. Written by prepare_crash_stack().
constinit std::array<char, 1024> program_path{};

struct Module {
  const char* path = nullptr;
  std::uintptr_t begin = 0;
};

/// Null path: no loaded file has this address.
Module module_of(void* address) noexcept {
#if __GLIBC_PREREQ(2, 35)
  dl_find_object found{};
  // The manual calls it async-signal-safe, which dladdr() is not: it waits for dlopen's lock.
  if (_dl_find_object(address, &found) != 0) return {};
  const link_map* map = found.dlfo_link_map;
  const bool program = map->l_name == nullptr || map->l_name[0] == '\0';
  return {program ? program_path.data() : map->l_name, map->l_addr};
#else
  Dl_info found{};
  if (::dladdr(address, &found) == 0) return {};
  return {found.dli_fname, reinterpret_cast<std::uintptr_t>(found.dli_fbase)};
#endif
}

void add_frame(CrashText& out, std::size_t number, void* frame) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(frame);
  out.add("  #").add_number(static_cast<std::int64_t>(number), 2).add(" ").add_hex(address);
  const Module module = module_of(frame);
  if (module.path != nullptr) {
    out.add(" ").add_name(module.path).add("+").add_hex(address - module.begin);
  }
  out.add("\n");
}

}  // namespace

void prepare_crash_stack() noexcept {
  const ssize_t size = ::readlink("/proc/self/exe", program_path.data(), program_path.size() - 1);
  if (size < 0) std::ranges::copy(std::string_view("moult"), program_path.begin());
  std::array<void*, 4> frames{};
  ::backtrace(frames.data(), static_cast<int>(frames.size()));  // loads the unwinder
}

Interrupted interrupted_at(const void* signal_context) noexcept {
  if (signal_context == nullptr) return {};
  [[maybe_unused]] const auto& machine =
      static_cast<const ucontext_t*>(signal_context)->uc_mcontext;
#if defined(__x86_64__)
  return {static_cast<std::uintptr_t>(machine.gregs[REG_RIP]),
          static_cast<std::uintptr_t>(machine.gregs[REG_RSP])};
#elif defined(__aarch64__)
  return {machine.pc, machine.sp};
#else
  return {};
#endif
}

void add_backtrace(CrashText& out, std::uintptr_t from) noexcept {
  std::array<void*, kMaxFrames + kHandlerFrames> found{};
  const int count = ::backtrace(found.data(), static_cast<int>(found.size()));
  std::span<void* const> frames(found.data(), static_cast<std::size_t>(std::max(count, 0)));
  const auto first = std::ranges::find(frames, reinterpret_cast<void*>(from));
  if (first != frames.end()) {
    frames = frames.subspan(static_cast<std::size_t>(first - frames.begin()));
  }
  out.add("backtrace:\n");
  const std::size_t shown = std::min(frames.size(), kMaxFrames);
  for (std::size_t i = 0; i < shown; ++i) add_frame(out, i, frames[i]);
  if (static_cast<std::size_t>(count) == found.size()) out.add("  and further frames\n");
}

}  // namespace moult
