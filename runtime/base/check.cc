#include "runtime/base/check.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace moult {
namespace {

void write_text(const char* text) noexcept {
  // Nothing can be done about a failed write on the way out.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
}

void write_number(int number) noexcept {
  std::array<char, 12> digits{};
  std::size_t at = digits.size() - 1;
  do {
    digits[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number > 0 && at > 0);
  write_text(&digits[at]);
}

}  // namespace

void check_failed(const char* file, int line, const char* condition, const char* reason) noexcept {
  write_text("moult: broken invariant at ");
  write_text(file);
  write_text(":");
  write_number(line);
  write_text(": ");
  write_text(reason);
  write_text(" (");
  write_text(condition);
  write_text(")\n");
  std::abort();
}

}  // namespace moult
