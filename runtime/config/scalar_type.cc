#include "runtime/config/scalar_type.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

namespace moult::config {
namespace {

constexpr std::uint64_t kLowestInteger = 1ULL << 63;  // its magnitude

bool is_one_of(std::string_view text, const std::array<std::string_view, 3>& forms) {
  return std::find(forms.begin(), forms.end(), text) != forms.end();
}

bool is_decimal_digit(char byte) { return byte >= '0' && byte <= '9'; }

bool all_digits(std::string_view text, int base) {
  const auto is_of_base = [base](char byte) {
    const bool is_hex_letter = (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
    return base == 16 ? is_decimal_digit(byte) || is_hex_letter : byte >= '0' && byte < '0' + base;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), is_of_base);
}

/// A number's sign and the rest.
struct Signed {
  bool negative;
  std::string_view magnitude;
};

Signed split_sign(std::string_view text) {
  const bool has_sign = text.starts_with('-') || text.starts_with('+');
  return {text.starts_with('-'), has_sign ? text.substr(1) : text};
}

struct Integer {
  bool negative;
  int base;
  std::string_view digits;
};

/// [-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+
std::optional<Integer> as_integer(std::string_view text) {
  if (text.starts_with("0x") && all_digits(text.substr(2), 16))
    return Integer{false, 16, text.substr(2)};
  if (text.starts_with("0o") && all_digits(text.substr(2), 8))
    return Integer{false, 8, text.substr(2)};
  const auto [negative, magnitude] = split_sign(text);
  if (!all_digits(magnitude, 10)) return std::nullopt;
  return Integer{negative, 10, magnitude};
}

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_float(std::string_view magnitude) {
  const auto* const end = magnitude.end();
  const auto* const point = std::find_if_not(magnitude.begin(), end, is_decimal_digit);
  const auto* mantissa_end = point;
  if (point != end && *point == '.')
    mantissa_end = std::find_if_not(point + 1, end, is_decimal_digit);
  const bool has_digits = point != magnitude.begin() || mantissa_end - point > 1;
  if (!has_digits || mantissa_end == end) return has_digits;
  if (*mantissa_end != 'e' && *mantissa_end != 'E') return false;
  const std::string_view exponent(mantissa_end + 1,
                                  static_cast<std::size_t>(end - mantissa_end) - 1);
  return all_digits(split_sign(exponent).magnitude, 10);
}

Result<std::string> integer_literal(const Integer& integer) {
  std::uint64_t number = 0;
  const char* const end = integer.digits.data() + integer.digits.size();
  const auto error = std::from_chars(integer.digits.data(), end, number, integer.base).ec;
  if (error != std::errc() || (integer.negative && number > kLowestInteger)) {
    return failure("this integer does not fit 64 bits; quote it to make it text");
  }
  return fmt::format("{}{}", integer.negative && number != 0 ? "-" : "", number);
}

Result<std::string> float_literal(bool negative, std::string_view magnitude) {
  double number = 0;
  const auto error =
      std::from_chars(magnitude.data(), magnitude.data() + magnitude.size(), number).ec;
  if (error != std::errc()) {
    return failure("this number does not fit a double; quote it to make it text");
  }
  std::string literal = fmt::format("{}{}", negative ? "-" : "", number);
  // Keeps 1.0 a floating-point number for the reader.
  if (literal.find_first_of(".e") == std::string::npos) literal += ".0";
  return literal;
}

}  // namespace

Result<std::string> json_literal(std::string_view plain) {
  if (is_one_of(plain, {"true", "True", "TRUE"})) return std::string("true");
  if (is_one_of(plain, {"false", "False", "FALSE"})) return std::string("false");
  if (const auto integer = as_integer(plain)) return integer_literal(*integer);
  const auto [negative, magnitude] = split_sign(plain);
  if (is_float(magnitude)) return float_literal(negative, magnitude);
  const bool is_infinite = is_one_of(magnitude, {".inf", ".Inf", ".INF"});
  if (is_infinite || is_one_of(plain, {".nan", ".NaN", ".NAN"})) {
    return failure("infinities and NaN have no JSON form; quote it to make it text");
  }
  return std::string();
}

}  // namespace moult::config
