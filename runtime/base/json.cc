#include "runtime/base/json.h"

#include <fmt/format.h>

namespace moult {
namespace {

std::string escaped(char byte) {
  switch (byte) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      break;
  }
  const auto code = static_cast<unsigned char>(byte);
  if (code < 0x20 || code == 0x7F) return fmt::format("\\u{:04x}", code);
  return {byte};
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char byte : text) out += escaped(byte);
  return out + '"';
}

void JsonWriter::key(std::string_view name) {
  separate();
  out_ += json_string(name) + ':';
  needs_comma_ = false;
}

void JsonWriter::text(std::string_view value) {
  separate();
  out_ += json_string(value);
}

void JsonWriter::literal(std::string_view value) {
  separate();
  out_ += value;
}

void JsonWriter::open(char bracket) {
  separate();
  out_ += bracket;
  needs_comma_ = false;
}

void JsonWriter::close(char bracket) {
  out_ += bracket;
  needs_comma_ = true;
}

void JsonWriter::separate() {
  if (needs_comma_) out_ += ',';
  needs_comma_ = true;
}

}  // namespace moult
