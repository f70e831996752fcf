#include "runtime/observe/text_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "runtime/observe/escape.h"

namespace moult {
namespace {

bool is_bare(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](char byte) {
    return byte > 0x20 && byte < 0x7F && byte != '"' && byte != '=' && byte != '\\';
  });
}

void append_text_value(std::string& out, std::string_view value) {
  const bool quoted = !is_bare(value);
  if (quoted) out += '"';
  append_escaped(out, value, Quotes::kEscape, kMaxLogValueBytes);
  if (quoted) out += '"';
}

template <typename T>
void append_text_value(std::string& out, T value) {
  fmt::format_to(std::back_inserter(out), "{}", value);
}

}  // namespace

void append_message_and_fields(std::string& out, const LogLine& line) {
  append_escaped(out, line.message, Quotes::kKeep, kMaxLogMessageBytes);
  visit_fields(line, [&out](const Field& field) {
    out += ' ';
    append_plain_key(out, field.key);
    out += '=';
    std::visit([&out](auto value) { append_text_value(out, value); }, field.value);
  });
}

}  // namespace moult
