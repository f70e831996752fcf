#include "runtime/admin/status.h"

#include "runtime/admin/json_text.h"
#include "runtime/admin/json_value.h"

namespace moult {
namespace {

void add_health(JsonWriter& json, const DaemonHealth& health) {
  add(json, "live", health.live);
  add(json, "ready", health.ready);
  json.key("reasons");
  json.open_array();
  for (const std::string& reason : health.reasons) json.text(valid_utf8(reason));
  json.close_array();
}

void add_lane(JsonWriter& json, const DaemonStatus::Lane& lane) {
  json.open_object();
  add(json, "topic", lane.topic);
  add(json, "partition", lane.partition);
  add(json, "part", lane.part);
  add(json, "state", lane.state);
  add(json, "handler", lane.handler);
  add(json, "generation", lane.generation);
  add(json, "watermark", lane.watermark);
  add(json, "committed", lane.committed);
  add(json, "high_watermark", lane.high_watermark);
  add(json, "running_ms", lane.running_ms);
  add(json, "failures", lane.failures);
  json.close_object();
}

void add_consumer(JsonWriter& json, const DaemonStatus::Consumer& consumer) {
  json.open_object();
  add(json, "group", consumer.group);
  add(json, "ready", consumer.ready);
  add(json, "quiet", consumer.quiet);
  add(json, "paused", consumer.paused);
  json.key("lanes");
  json.open_array();
  for (const DaemonStatus::Lane& lane : consumer.lanes) add_lane(json, lane);
  json.close_array();
  json.close_object();
}

void add_handler(JsonWriter& json, const DaemonStatus::Handler& handler) {
  json.open_object();
  add(json, "name", handler.name);
  add(json, "group", handler.group);
  add(json, "plugin", handler.plugin);
  add(json, "version", handler.version);
  add(json, "build_id", handler.build_id);
  add(json, "generation", handler.generation);
  add(json, "kept_generation", handler.kept_generation);
  add(json, "workers", handler.workers);
  add(json, "records", handler.records);
  add(json, "batches", handler.batches);
  add(json, "failures", handler.failures);
  add(json, "dead_letters", handler.dead_letters);
  add(json, "lanes", handler.lanes);
  add(json, "pinned_unloads", handler.pinned_unloads);
  json.close_object();
}

void add_reload(JsonWriter& json, const DaemonStatus::Reload& reload) {
  json.key("last_reload");
  if (reload.at_ms < 0) return json.literal("null");
  json.open_object();
  add(json, "ok", reload.ok);
  add(json, "text", reload.text);
  add(json, "at_ms", reload.at_ms);
  json.close_object();
}

}  // namespace

std::string DaemonHealth::to_json() const {
  JsonWriter json;
  json.open_object();
  add_health(json, *this);
  json.close_object();
  return json.take();
}

Result<DaemonHealth> DaemonHealth::read(std::string_view json) {
  const auto value = JsonValue::parse(json);
  if (!value) return Unexpected(value.error());
  if (!(*value)["live"].is(JsonValue::Kind::kBoolean)) {
    return failure("not an answer of a moult daemon");
  }
  DaemonHealth health{(*value)["live"].truth(), (*value)["ready"].truth(), {}};
  for (const JsonValue& reason : (*value)["reasons"].items()) {
    health.reasons.push_back(reason.text());
  }
  return health;
}

std::string DaemonStatus::to_json() const {
  JsonWriter json;
  json.open_object();
  add(json, "version", version);
  add(json, "pid", pid);
  add(json, "started_ms", started_ms);
  add_health(json, health);
  json.key("consumers");
  json.open_array();
  for (const Consumer& consumer : consumers) add_consumer(json, consumer);
  json.close_array();
  json.key("handlers");
  json.open_array();
  for (const Handler& handler : handlers) add_handler(json, handler);
  json.close_array();
  add_reload(json, last_reload);
  json.close_object();
  return json.take();
}

}  // namespace moult
