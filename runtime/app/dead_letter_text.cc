#include "runtime/app/dead_letter_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <string_view>

#include "runtime/config/json.h"
#include "runtime/observe/escape.h"

namespace moult {
namespace {

constexpr std::size_t kShownKey = 64;
constexpr std::size_t kShownError = 200;
constexpr std::size_t kShownName = 249;  // no topic's is longer
constexpr std::size_t kWholeText = 4'096;

std::string time_of(std::int64_t ms) {
  if (ms < 0) return "-";
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(ms / 1'000)), ms % 1'000);
}

/// Anybody may have written what is shown here.
std::string safe(std::string_view text, std::size_t limit) {
  std::string out;
  append_escaped(out, text, Quotes::kKeep, limit);
  return out;
}

std::string safe_in_quotes(std::string_view text, std::size_t limit) {
  std::string out = "\"";
  append_escaped(out, text, Quotes::kEscape, limit);
  return out + "\"";
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

std::string line_of(const kafka::ListedDeadLetter& listed) {
  const kafka::FoundDeadLetter& letter = listed.letter;
  return fmt::format(
      "{}  {}  {}[{}]@{}  attempts {}  error {} {}  key {}{}\n", time_of(letter.died_at_ms),
      safe(letter.handler, kShownName), safe(letter.origin.topic, kShownName),
      letter.origin.partition, letter.origin_offset, safe(or_dash(letter.attempts), kShownName),
      safe(or_dash(letter.error_code), kShownName), safe_in_quotes(letter.error, kShownError),
      letter.key ? safe_in_quotes(*letter.key, kShownKey) : "-",
      listed.replayed ? "  (replayed)" : "");
}

void add_text(config::JsonWriter& json, std::string_view key, std::string_view text) {
  std::string valid;
  append_valid_utf8(valid, text, kWholeText);
  json.key(key);
  json.text(valid);
}

void add_literal(config::JsonWriter& json, std::string_view key, std::string_view value) {
  json.key(key);
  json.literal(value);
}

void add_number(config::JsonWriter& json, std::string_view key, std::int64_t number) {
  add_literal(json, key, std::to_string(number));
}

void add_place(config::JsonWriter& json, std::string_view key, const TopicPartition& partition,
               Offset offset) {
  json.key(key);
  json.open_object();
  add_text(json, "topic", partition.topic);
  add_number(json, "partition", partition.partition);
  add_number(json, "offset", offset);
  json.close_object();
}

void add_letter(config::JsonWriter& json, const kafka::ListedDeadLetter& listed) {
  const kafka::FoundDeadLetter& letter = listed.letter;
  json.open_object();
  add_text(json, "time", time_of(letter.died_at_ms));
  add_text(json, "handler", letter.handler);
  add_text(json, "group", letter.group);
  add_place(json, "origin", letter.origin, letter.origin_offset);
  add_place(json, "dead_letter", letter.place, letter.offset);
  add_text(json, "attempts", letter.attempts);
  add_text(json, "error_code", letter.error_code);
  add_text(json, "error", letter.error);
  if (letter.key) {
    add_text(json, "key", *letter.key);
  } else {
    add_literal(json, "key", "null");
  }
  add_number(json, "value_size", static_cast<std::int64_t>(letter.value_size));
  add_literal(json, "replayed", listed.replayed ? "true" : "false");
  json.close_object();
}

}  // namespace

std::string dead_letters_as_text(const std::vector<kafka::ListedDeadLetter>& letters,
                                 const std::vector<WaitingLetters>& waiting) {
  std::string text;
  for (const auto& letter : letters) text += line_of(letter);
  for (const WaitingLetters& each : waiting) {
    text += fmt::format("{}: {}{} waiting to be replayed ({}{})\n", each.handler,
                        each.shared ? "at most " : "", each.count, each.topic,
                        each.topic_exists ? "" : ", which does not exist yet");
  }
  return text;
}

std::string dead_letters_as_json(const std::vector<kafka::ListedDeadLetter>& letters,
                                 const std::vector<WaitingLetters>& waiting) {
  config::JsonWriter json;
  json.open_object();
  json.key("dead_letters");
  json.open_array();
  for (const auto& letter : letters) add_letter(json, letter);
  json.close_array();
  json.key("waiting");
  json.open_array();
  for (const WaitingLetters& each : waiting) {
    json.open_object();
    add_text(json, "handler", each.handler);
    add_text(json, "topic", each.topic);
    add_number(json, "count", each.count);
    add_literal(json, "at_most", each.shared ? "true" : "false");
    add_literal(json, "topic_exists", each.topic_exists ? "true" : "false");
    json.close_object();
  }
  json.close_array();
  json.close_object();
  return json.take() + "\n";
}

std::string replay_summary(const kafka::ReplayCounts& counts, bool dry_run) {
  return fmt::format("{} {}, passed over {}, left {}{}{}\n", dry_run ? "would replay" : "replayed",
                     counts.replayed, counts.passed_over, counts.left_at_most ? "at most " : "",
                     counts.left, dry_run ? " (dry run: nothing was changed)" : "");
}

}  // namespace moult
