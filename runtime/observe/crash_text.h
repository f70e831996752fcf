#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace moult {

/// Text of bounded length that grows at its end without allocating: async-signal-safe. What does
/// not fit is left out.
class CrashText {
 public:
  CrashText& add(std::string_view text) noexcept;
  CrashText& add_number(std::int64_t number) noexcept;
  /// With leading zeros up to `width`.
  CrashText& add_number(std::int64_t number, std::size_t width) noexcept;
  CrashText& add_hex(std::uint64_t number) noexcept;
  /// Text of somebody else's: no control characters, at most kMaxName bytes. nullptr is "unknown".
  CrashText& add_name(const char* name) noexcept;

  std::string_view view() const noexcept { return {bytes_.data(), size_}; }
  /// It ends with a zero byte as well.
  const char* c_str() const noexcept { return bytes_.data(); }

  static constexpr std::size_t kMaxName = 512;

 private:
  static constexpr std::size_t kCapacity = std::size_t{32} << 10;

  std::array<char, kCapacity + 1> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace moult
