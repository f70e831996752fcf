#include "runtime/route/number.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>

namespace moult::route {
namespace {

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

std::string_view take_digits(std::string_view& text) {
  const auto* const end = std::find_if_not(text.begin(), text.end(), is_digit);
  const auto digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

bool take_one_of(std::string_view& text, std::string_view bytes) {
  if (text.empty() || bytes.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

constexpr std::int64_t kHugeExponent = 1LL << 60;

/// A number as ±0.d₁d₂d₃… × 10^exponent with d₁ ≠ 0 and no zeros at the end: the digits lie in two
/// pieces of the text, and are none for zero.
struct Decimal {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  std::int64_t exponent = 0;

  std::size_t digits() const { return whole.size() + fraction.size(); }
  char digit(std::size_t index) const {
    return index < whole.size() ? whole[index] : fraction[index - whole.size()];
  }
};

/// Exponents past anything that a document's digits could make up for are all the same.
std::int64_t exponent_of(std::string_view text) {
  if (text.empty()) return 0;
  take_one_of(text, "+");
  std::int64_t exponent = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (error == std::errc::result_out_of_range) {
    exponent = text.front() == '-' ? -kHugeExponent : kHugeExponent;
  }
  return std::clamp(exponent, -kHugeExponent, kHugeExponent);
}

void drop_leading_zeros(Decimal& number) {
  const std::size_t zeros = std::min(number.whole.find_first_not_of('0'), number.whole.size());
  number.whole.remove_prefix(zeros);
  number.exponent += static_cast<std::int64_t>(number.whole.size());
  if (!number.whole.empty()) return;
  const std::size_t more = std::min(number.fraction.find_first_not_of('0'), number.fraction.size());
  number.fraction.remove_prefix(more);
  number.exponent -= static_cast<std::int64_t>(more);
}

void drop_trailing_zeros(Decimal& number) {
  const auto kept = [](std::string_view digits) {
    return digits.substr(0, digits.find_last_not_of('0') + 1);
  };
  number.fraction = kept(number.fraction);
  if (number.fraction.empty()) number.whole = kept(number.whole);
}

Decimal decimal(std::string_view text) {
  Decimal number;
  number.negative = take_one_of(text, "-");
  number.whole = take_digits(text);
  if (take_one_of(text, ".")) number.fraction = take_digits(text);
  if (take_one_of(text, "eE")) number.exponent = exponent_of(text);
  drop_leading_zeros(number);
  drop_trailing_zeros(number);
  if (number.digits() == 0) return {};  // -0 is 0
  return number;
}

}  // namespace

bool is_number(std::string_view text) {
  take_one_of(text, "-");
  const std::string_view whole = take_digits(text);
  if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) return false;
  if (take_one_of(text, ".") && take_digits(text).empty()) return false;
  if (take_one_of(text, "eE")) {
    take_one_of(text, "+-");
    if (take_digits(text).empty()) return false;
  }
  return text.empty();
}

bool same_number(std::string_view left, std::string_view right) {
  if (left == right) return true;
  const Decimal a = decimal(left);
  const Decimal b = decimal(right);
  if (a.negative != b.negative || a.exponent != b.exponent || a.digits() != b.digits()) {
    return false;
  }
  for (std::size_t index = 0; index < a.digits(); ++index) {
    if (a.digit(index) != b.digit(index)) return false;
  }
  return true;
}

}  // namespace moult::route
