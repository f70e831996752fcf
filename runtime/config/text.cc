#include "runtime/config/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace moult::config {
namespace {

constexpr std::size_t kMaxQuoted = 80;

/// One row of the Unicode standard's table of well-formed UTF-8; the second byte's range is what
/// keeps overlong forms, surrogates and code points past U+10FFFF out.
struct SequenceRule {
  unsigned char first_low, first_high;
  unsigned char second_low, second_high;
  std::size_t size;
};
constexpr std::array<SequenceRule, 8> kRules = {{
    {0xC2, 0xDF, 0x80, 0xBF, 2},
    {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3},
    {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4},
    {0xF4, 0xF4, 0x80, 0x8F, 4},
}};

unsigned char byte_at(std::string_view text, std::size_t index) {
  return static_cast<unsigned char>(text[index]);
}

bool within(unsigned char byte, unsigned char low, unsigned char high) {
  return byte >= low && byte <= high;
}

}  // namespace

std::size_t utf8_sequence_size(std::string_view text) {
  const unsigned char first = byte_at(text, 0);
  if (first < 0x80) return 1;
  const auto* const rule = std::find_if(
      kRules.begin(), kRules.end(),
      [first](const SequenceRule& row) { return within(first, row.first_low, row.first_high); });
  if (rule == kRules.end() || text.size() < rule->size) return 0;
  if (!within(byte_at(text, 1), rule->second_low, rule->second_high)) return 0;
  for (std::size_t index = 2; index < rule->size; ++index) {
    if (!within(byte_at(text, index), 0x80, 0xBF)) return 0;
  }
  return rule->size;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = utf8_sequence_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

bool is_forbidden_control(char byte) {
  const auto code = static_cast<unsigned char>(byte);
  return (code < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || code == 0x7F;
}

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  while (!text.empty()) {
    const std::size_t size = std::max<std::size_t>(1, utf8_sequence_size(text));
    if (out.size() + size > kMaxQuoted + 1) {
      out += "…";
      break;
    }
    const auto code = byte_at(text, 0);
    const bool printable = code >= 0x20 && code != 0x7F && utf8_sequence_size(text) != 0;
    out += printable ? std::string(text.substr(0, size)) : fmt::format("\\x{:02x}", code);
    text.remove_prefix(size);
  }
  return out + "'";
}

}  // namespace moult::config
