#include "runtime/observe/escape.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "runtime/observe/log_line.h"

namespace moult {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kCutMark = "\xE2\x80\xA6";

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

bool is_plain_ascii(char byte) { return byte >= 0x20 && byte < 0x7F; }

/// A sequence of UTF-8 at the front of a text. An invalid one has no code point and is as long as
/// the part that could still have become valid, so that one broken character gives one U+FFFD.
struct Sequence {
  std::size_t length;
  char32_t code_point;
  bool valid;
};

/// What the first byte says: how many follow, and which range the second must be in (that is where
/// overlong forms, surrogates and code points above U+10FFFF show).
struct Lead {
  std::size_t following;
  unsigned char second_min;
  unsigned char second_max;
};

Lead lead_of(unsigned char byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {1, 0x80, 0xBF};
  if (byte == 0xE0) return {2, 0xA0, 0xBF};
  if (byte == 0xED) return {2, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {2, 0x80, 0xBF};
  if (byte == 0xF0) return {3, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {3, 0x80, 0xBF};
  if (byte == 0xF4) return {3, 0x80, 0x8F};
  return {0, 0, 0};
}

Sequence first_sequence(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {1, first, true};
  const Lead lead = lead_of(first);
  if (lead.following == 0) return {1, 0, false};
  char32_t code_point = first & (0x3Fu >> lead.following);
  for (std::size_t at = 1; at <= lead.following; ++at) {
    if (at >= text.size()) return {at, 0, false};
    const auto byte = static_cast<unsigned char>(text[at]);
    const unsigned char low = at == 1 ? lead.second_min : 0x80;
    const unsigned char high = at == 1 ? lead.second_max : 0xBF;
    if (byte < low || byte > high) return {at, 0, false};
    code_point = (code_point << 6) | (byte & 0x3Fu);
  }
  return {lead.following + 1, code_point, true};
}

/// Terminals obey C1 controls, some viewers break lines at U+2028 and U+2029, and direction
/// overrides make a line read as something else.
bool is_unsafe(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x2028 || c == 0x2029 || c == 0x200E ||
         c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

void append_escape(std::string& out, char32_t c) {
  switch (c) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '"':
      out += "\\\"";
      return;
    default:
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
  }
}

/// The front of `text` within the bound, never ending inside a character.
std::string_view within(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  while (end > 0 && max_bytes - end < 3 && is_continuation(text[end])) --end;
  return text.substr(0, end);
}

/// Appends the valid parts of `text`, each code point that `must_escape` names as an escape.
template <typename MustEscape>
void append_text(std::string& out, std::string_view text, std::size_t max_bytes,
                 MustEscape must_escape) {
  std::string_view rest = within(text, max_bytes);
  const bool cut = rest.size() < text.size();
  while (!rest.empty()) {
    const auto* const run_end = std::find_if(rest.begin(), rest.end(), [&](char byte) {
      return !is_plain_ascii(byte) || must_escape(static_cast<char32_t>(byte));
    });
    const auto run = static_cast<std::size_t>(run_end - rest.begin());
    out.append(rest, 0, run);
    rest.remove_prefix(run);
    if (rest.empty()) break;
    const Sequence sequence = first_sequence(rest);
    if (!sequence.valid) {
      out += kReplacement;
    } else if (must_escape(sequence.code_point)) {
      append_escape(out, sequence.code_point);
    } else {
      out.append(rest, 0, sequence.length);
    }
    rest.remove_prefix(sequence.length);
  }
  if (cut) out += kCutMark;
}

bool is_key_byte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || byte == '_' || byte == '.' || byte == '-';
}

}  // namespace

void append_escaped(std::string& out, std::string_view text, Quotes quotes, std::size_t max_bytes) {
  append_text(out, text, max_bytes, [quotes](char32_t c) {
    return c == '\\' || (c == '"' && quotes == Quotes::kEscape) || is_unsafe(c);
  });
}

void append_valid_utf8(std::string& out, std::string_view text, std::size_t max_bytes) {
  append_text(out, text, max_bytes, [](char32_t) { return false; });
}

void append_plain_key(std::string& out, std::string_view key) {
  const std::string_view shown = key.substr(0, kMaxLogKeyBytes);
  if (shown.empty()) out += '_';
  for (const char byte : shown) out += is_key_byte(byte) ? byte : '_';
}

}  // namespace moult
