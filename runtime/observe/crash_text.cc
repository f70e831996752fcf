#include "runtime/observe/crash_text.h"

#include <algorithm>
#include <charconv>

namespace moult {
namespace {

using Digits = std::array<char, 24>;

/// Only reads its arguments and writes the digits, which makes to_chars async-signal-safe in fact.
template <typename T>
std::string_view to_digits(Digits& digits, T number, int base) noexcept {
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), number, base);
  return {digits.data(), static_cast<std::size_t>(result.ptr - digits.data())};
}

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

CrashText& CrashText::add(std::string_view text) noexcept {
  const std::size_t fits = std::min(text.size(), kCapacity - size_);
  std::copy_n(text.data(), fits, bytes_.data() + size_);
  size_ += fits;
  bytes_[size_] = '\0';
  return *this;
}

CrashText& CrashText::add_number(std::int64_t number) noexcept {
  Digits digits{};
  return add(to_digits(digits, number, 10));
}

CrashText& CrashText::add_number(std::int64_t number, std::size_t width) noexcept {
  Digits digits{};
  const std::string_view shown = to_digits(digits, number, 10);
  for (std::size_t i = shown.size(); i < width; ++i) add("0");
  return add(shown);
}

CrashText& CrashText::add_hex(std::uint64_t number) noexcept {
  Digits digits{};
  return add("0x").add(to_digits(digits, number, 16));
}

CrashText& CrashText::add_name(const char* name) noexcept {
  if (name == nullptr) return add("unknown");
  for (std::size_t i = 0; i < kMaxName && name[i] != '\0'; ++i) {
    add(is_control(name[i]) ? std::string_view("?") : std::string_view(&name[i], 1));
  }
  return *this;
}

}  // namespace moult
