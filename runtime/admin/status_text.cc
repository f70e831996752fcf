#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "runtime/admin/json_value.h"
#include "runtime/admin/status.h"
#include "runtime/observe/escape.h"

namespace moult {
namespace {

using Row = std::vector<std::string>;

/// Columns as wide as their widest cell; an unknown cell is a dash.
std::string table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], row[column].size());
    }
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t column = 0; column < row.size(); ++column) {
      line += fmt::format("  {:<{}}", row[column], widths[column]);
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string shown(const std::string& text) {
  if (text.empty()) return "-";
  std::string safe;
  append_escaped(safe, text, Quotes::kKeep, std::numeric_limits<std::size_t>::max());
  return safe;
}

std::string shown_number(const JsonValue& value) {
  const std::int64_t number = value.number();
  return number < 0 ? "-" : std::to_string(number);
}

std::string shown_span(std::int64_t ms) {
  if (ms < 0) return "-";
  if (ms < 1'000) return fmt::format("{}ms", ms);
  const std::int64_t seconds = ms / 1'000;
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3'600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{}h{:02}m", seconds / 3'600, seconds / 60 % 60);
  return fmt::format("{}d{:02}h", seconds / 86'400, seconds / 3'600 % 24);
}

std::string shown_ago(const JsonValue& at_ms, std::int64_t now_ms) {
  if (at_ms.number() < 0) return "-";
  return shown_span(std::max<std::int64_t>(0, now_ms - at_ms.number()));
}

std::string lane_name(const JsonValue& lane) {
  const std::string& part = lane["part"].text();
  const std::string name =
      fmt::format("{}[{}]", shown(lane["topic"].text()), lane["partition"].number());
  return part.empty() || part == "whole" ? name : name + " " + shown(part);
}

std::string lag_of(const JsonValue& lane) {
  const std::int64_t end = lane["high_watermark"].number();
  const std::int64_t watermark = lane["watermark"].number();
  if (end < 0 || watermark < 0) return "-";
  return std::to_string(std::max<std::int64_t>(0, end - watermark));
}

std::string consumer_state(const JsonValue& consumer) {
  std::string state = consumer["ready"].truth() ? "ready" : "not ready";
  if (consumer["quiet"].truth()) state += ", quiet";
  if (consumer["paused"].truth()) state += ", paused";
  return state;
}

std::string consumer_text(const JsonValue& consumer) {
  std::string out =
      fmt::format("\nconsumer {}: {}\n", shown(consumer["group"].text()), consumer_state(consumer));
  const auto& lanes = consumer["lanes"].items();
  if (lanes.empty()) return out + "  no partition is assigned\n";
  std::vector<Row> rows = {{"LANE", "STATE", "HANDLER", "GENERATION", "WATERMARK", "COMMITTED",
                            "LAG", "RUNNING", "FAILURES"}};
  for (const JsonValue& lane : lanes) {
    rows.push_back({lane_name(lane), shown(lane["state"].text()), shown(lane["handler"].text()),
                    shown_number(lane["generation"]), shown_number(lane["watermark"]),
                    shown_number(lane["committed"]), lag_of(lane),
                    shown_span(lane["running_ms"].number()), shown_number(lane["failures"])});
  }
  return out + table(rows);
}

std::string handlers_text(const std::vector<JsonValue>& handlers) {
  if (handlers.empty()) return "";
  std::vector<Row> rows = {{"HANDLER", "GROUP", "PLUGIN", "VERSION", "BUILD ID", "GENERATION",
                            "KEPT", "WORKERS", "LANES", "RECORDS", "FAILURES", "DEAD LETTERS",
                            "PINNED"}};
  for (const JsonValue& handler : handlers) {
    rows.push_back({shown(handler["name"].text()), shown(handler["group"].text()),
                    shown(handler["plugin"].text()), shown(handler["version"].text()),
                    shown(handler["build_id"].text().substr(0, 12)),
                    shown_number(handler["generation"]), shown_number(handler["kept_generation"]),
                    shown_number(handler["workers"]), shown_number(handler["lanes"]),
                    shown_number(handler["records"]), shown_number(handler["failures"]),
                    shown_number(handler["dead_letters"]),
                    shown_number(handler["pinned_unloads"])});
  }
  return "\nhandlers\n" + table(rows);
}

std::string reload_text(const JsonValue& reload, std::int64_t now_ms) {
  if (!reload.is(JsonValue::Kind::kObject)) return "\nlast reload: none\n";
  std::string out =
      fmt::format("\nlast reload: {}, {} ago\n", reload["ok"].truth() ? "ok" : "failed",
                  shown_ago(reload["at_ms"], now_ms));
  // Its own lines stay lines.
  const std::string& text = reload["text"].text();
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    out += "  " + shown(text.substr(begin, end - begin)) + "\n";
    begin = end + 1;
  }
  return out;
}

}  // namespace

Result<std::string> status_as_text(std::string_view json, std::int64_t now_ms) {
  const auto parsed = JsonValue::parse(json);
  if (!parsed) return Unexpected(parsed.error());
  const JsonValue& status = *parsed;
  if (!status["consumers"].is(JsonValue::Kind::kList)) {
    return failure("not a status of a moult daemon");
  }
  std::string out =
      fmt::format("moult {}, pid {}, up {}: {}, {}\n", shown(status["version"].text()),
                  shown_number(status["pid"]), shown_ago(status["started_ms"], now_ms),
                  status["live"].truth() ? "live" : "not live",
                  status["ready"].truth() ? "ready" : "not ready");
  for (const JsonValue& reason : status["reasons"].items()) {
    out += "  " + shown(reason.text()) + "\n";
  }
  for (const JsonValue& consumer : status["consumers"].items()) out += consumer_text(consumer);
  out += handlers_text(status["handlers"].items());
  return out + reload_text(status["last_reload"], now_ms);
}

}  // namespace moult
