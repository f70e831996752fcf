#include "runtime/plugin/preflight_wire.h"

#include <algorithm>
#include <cstring>

namespace moult {
namespace {

constexpr std::size_t kFixedFields = 5;

void append(std::string& bytes, std::string_view field) {
  const std::uint64_t size = field.size();
  bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
  bytes.append(field);
}

std::optional<std::string> take(std::string_view& bytes) {
  std::uint64_t size = 0;
  if (bytes.size() < sizeof size) return std::nullopt;
  std::memcpy(&size, bytes.data(), sizeof size);
  bytes.remove_prefix(sizeof size);
  if (bytes.size() < size) return std::nullopt;
  std::string field(bytes.substr(0, size));
  bytes.remove_prefix(size);
  return field;
}

}  // namespace

std::string encode(const PreflightRequest& request) {
  std::string bytes;
  for (const std::string* field :
       {&request.plugin, &request.copy, &request.handler, &request.settings_json, &request.topic}) {
    append(bytes, *field);
  }
  for (const std::string& value : request.sample) append(bytes, value);
  return bytes;
}

std::optional<PreflightRequest> decode(std::string_view bytes) {
  std::vector<std::string> fields;
  while (!bytes.empty()) {
    auto field = take(bytes);
    if (!field) return std::nullopt;
    fields.push_back(std::move(*field));
  }
  if (fields.size() < kFixedFields) return std::nullopt;
  PreflightRequest request{fields[0], fields[1], fields[2], fields[3], fields[4], {}};
  request.sample.assign(fields.begin() + kFixedFields, fields.end());
  return request;
}

std::string encode_line(std::string_view word, std::string_view rest) {
  std::string line(word);
  if (!rest.empty()) line += ' ';
  line += rest;
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line + '\n';
}

PreflightLine decode_line(std::string_view line) {
  const std::size_t blank = line.find(' ');
  if (blank == line.npos) return {line, {}};
  return {line.substr(0, blank), line.substr(blank + 1)};
}

}  // namespace moult
