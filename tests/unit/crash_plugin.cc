// What crash_subject loads: like a plugin, it finds exit() by the dynamic linker, and has static
// objects.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

struct Static {
  ~Static() { [[maybe_unused]] const auto written = ::write(STDERR_FILENO, "DESTROYED\n", 10); }
};
const Static plugins_own;

volatile std::uintptr_t nowhere = 16;  // volatile, or the compiler sees through it

}  // namespace

extern "C" {

[[noreturn]] void plugin_exit(int status) { std::exit(status); }
[[noreturn]] void plugin_quick_exit(int status) { std::quick_exit(status); }
[[gnu::no_sanitize("address", "undefined", "thread")]] void plugin_crash(int) {
  *reinterpret_cast<volatile int*>(nowhere) = 1;  // NOLINT: that is the point
}
}
