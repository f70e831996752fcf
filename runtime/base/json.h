#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace moult {

/// Writes one JSON value piece by piece: the commas and colons are its own, the right order of
/// calls is the caller's. Text must be UTF-8.
class JsonWriter {
 public:
  void open_object() { open('{'); }
  void close_object() { close('}'); }
  void open_array() { open('['); }
  void close_array() { close(']'); }
  void key(std::string_view name);
  void text(std::string_view value);
  void number(std::int64_t value) { literal(std::to_string(value)); }
  void boolean(bool value) { literal(value ? "true" : "false"); }
  /// null, true, false, or a number in JSON's own form.
  void literal(std::string_view value);

  std::string take() { return std::move(out_); }

 private:
  void open(char bracket);
  void close(char bracket);
  void separate();

  std::string out_;
  bool needs_comma_ = false;
};

/// `text` as a JSON string with its quotes; also a YAML double-quoted scalar.
std::string json_string(std::string_view text);

}  // namespace moult
