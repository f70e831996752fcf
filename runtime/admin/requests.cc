#include "runtime/admin/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "runtime/admin/json_text.h"
#include "runtime/admin/json_value.h"

namespace moult {
namespace {

using Kind = JsonValue::Kind;

constexpr std::int64_t kMaxTimeoutMs = 24LL * 3'600'000;

/// An object (or nothing at all) of these members.
Result<JsonValue> read_request(std::string_view json,
                               std::initializer_list<std::string_view> known) {
  auto value = JsonValue::parse(json.empty() ? "{}" : json);
  if (!value) return value;
  if (!value->is(Kind::kObject)) return failure("the request must be a JSON object");
  for (const auto& [name, member] : value->members()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return failure(fmt::format("'{}' is not known to this daemon", name));
    }
  }
  return value;
}

Result<std::vector<std::string>> read_names(const JsonValue& value, std::string_view key) {
  std::vector<std::string> names;
  if (value.is(Kind::kMissing)) return names;
  bool good = value.is(Kind::kList);
  for (const JsonValue& item : value.items()) {
    good = good && item.is(Kind::kText) && !item.text().empty();
    names.push_back(item.text());
  }
  if (!good) return failure(fmt::format("'{}' must be a list of names", key));
  return names;
}

void add_names(JsonWriter& json, std::string_view key, const std::vector<std::string>& names) {
  json.key(key);
  json.open_array();
  for (const std::string& name : names) json.text(valid_utf8(name));
  json.close_array();
}

}  // namespace

std::string NamesBody::to_json() const {
  JsonWriter json;
  json.open_object();
  add_names(json, "names", names);
  json.close_object();
  return json.take();
}

Result<NamesBody> NamesBody::read(std::string_view json) {
  const auto value = read_request(json, {"names"});
  if (!value) return Unexpected(value.error());
  auto names = read_names((*value)["names"], "names");
  if (!names) return Unexpected(names.error());
  return NamesBody{std::move(*names)};
}

std::string ReloadBody::to_json() const {
  JsonWriter json;
  json.open_object();
  add_names(json, "handlers", handlers);
  add(json, "force", force);
  add(json, "timeout_ms", timeout.count());
  json.close_object();
  return json.take();
}

Result<ReloadBody> ReloadBody::read(std::string_view json) {
  const auto value = read_request(json, {"handlers", "force", "timeout_ms"});
  if (!value) return Unexpected(value.error());
  auto handlers = read_names((*value)["handlers"], "handlers");
  if (!handlers) return Unexpected(handlers.error());
  ReloadBody request;
  request.handlers = std::move(*handlers);
  const JsonValue& force = (*value)["force"];
  if (!force.is(Kind::kBoolean) && !force.is(Kind::kMissing)) {
    return failure("'force' must be true or false");
  }
  request.force = force.truth();
  if (const JsonValue& timeout = (*value)["timeout_ms"]; !timeout.is(Kind::kMissing)) {
    const std::int64_t count = timeout.number();
    if (count < 1 || count > kMaxTimeoutMs) {
      return failure(fmt::format("'timeout_ms' must be a number from 1 to {}", kMaxTimeoutMs));
    }
    request.timeout = std::chrono::milliseconds(count);
  }
  return request;
}

std::string RollbackBody::to_json() const {
  JsonWriter json;
  json.open_object();
  add(json, "handler", handler);
  json.close_object();
  return json.take();
}

Result<RollbackBody> RollbackBody::read(std::string_view json) {
  const auto value = read_request(json, {"handler"});
  if (!value) return Unexpected(value.error());
  const JsonValue& handler = (*value)["handler"];
  if (handler.text().empty()) return failure("'handler' must be the name of a handler");
  return RollbackBody{handler.text()};
}

std::string ActionAnswer::to_json() const {
  JsonWriter json;
  json.open_object();
  add(json, "ok", ok);
  add(json, "text", text);
  if (!details.empty()) {
    json.key("details");
    json.literal(details);
  }
  json.close_object();
  return json.take();
}

Result<ActionAnswer> ActionAnswer::read(std::string_view json) {
  const auto value = JsonValue::parse(json);
  if (!value) return Unexpected(value.error());
  if (!(*value)["ok"].is(Kind::kBoolean)) return failure("not an answer of a moult daemon");
  return ActionAnswer{(*value)["ok"].truth(), (*value)["text"].text(), {}};
}

AdminResponse refusal(int status, std::string text) {
  return {status, ActionAnswer{false, std::move(text), {}}.to_json()};
}

}  // namespace moult
