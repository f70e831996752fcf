#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "runtime/config/fields.h"
#include "runtime/config/sections.h"
#include "runtime/config/text.h"
#include "runtime/config/topics.h"
#include "runtime/route/key_pointer.h"

namespace moult::config {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr std::array<std::string_view, 15> kHandlerKeys = {
    "name",    "plugin", "topics",      "batch",    "ordering",    "key",      "max_slots", "where",
    "workers", "retry",  "dead_letter", "deadline", "on_deadline", "settings", "canary"};
constexpr std::array<std::string_view, 3> kBatchKeys = {"max_records", "max_bytes", "linger"};
constexpr std::array<std::string_view, 3> kRetryKeys = {"max_attempts", "backoff", "backoff_max"};
constexpr std::array<std::string_view, 3> kOrderings = {"partition", "key", "none"};  // as the enum
constexpr std::array<std::string_view, 2> kOnDeadlines = {"report", "exit"};          // as the enum
constexpr std::string_view kSkip = "skip";
constexpr std::string_view kStop = "stop";

constexpr Range<std::uint32_t> kMaxRecordsRange{1, 100'000};
constexpr Range<std::uint64_t> kMaxBytesRange{1ULL << 10, 1ULL << 30};
constexpr Range<milliseconds> kLingerRange{0ms, 60s};
constexpr Range<milliseconds> kBackoffRange{1ms, 1h};
constexpr milliseconds kBackoffMaxHigh = 24h;
constexpr Range<std::uint32_t> kWorkersRange{1, 1'024};
constexpr Range<std::uint32_t> kMaxSlotsRange{1, 1'024};
constexpr Range<std::uint32_t> kMaxAttemptsRange{1, 1'000};
constexpr std::uint32_t kDefaultAttempts = 4;
constexpr Range<milliseconds> kDeadlineRange{1s, 24h};

BatchConfig read_batch(Reading& reading, const MaybeValue& value) {
  BatchConfig batch;
  if (!value) return batch;
  const MapReader map(reading, *value, "batch", kBatchKeys);
  read_integer(reading, map.find("max_records"), kMaxRecordsRange, batch.max_records);
  read_size(reading, map.find("max_bytes"), kMaxBytesRange, batch.max_bytes);
  read_duration(reading, map.find("linger"), kLingerRange, batch.linger);
  return batch;
}

void read_max_attempts(Reading& reading, const MaybeValue& value, bool gives_up,
                       std::uint32_t& max_attempts) {
  read_limit(reading, value, kMaxAttemptsRange, max_attempts);
  if (gives_up || max_attempts == 0) return;
  reading.problems.add(value->place,
                       "'max_attempts' is set, but not what becomes of a record that has used them "
                       "up; set 'dead_letter' to a topic, to skip or to stop");
}

/// `gives_up`: the handler says what becomes of a record whose attempts are used up.
RetryConfig read_retry(Reading& reading, const MaybeValue& value, bool gives_up) {
  RetryConfig retry;
  if (gives_up) retry.max_attempts = kDefaultAttempts;
  if (!value) return retry;
  const MapReader map(reading, *value, "retry", kRetryKeys);
  read_max_attempts(reading, map.find("max_attempts"), gives_up, retry.max_attempts);
  read_duration(reading, map.find("backoff"), kBackoffRange, retry.backoff);
  // A backoff above the default maximum means what it says.
  retry.backoff_max = std::max(retry.backoff_max, retry.backoff);
  read_duration(reading, map.find("backoff_max"), {retry.backoff, kBackoffMaxHigh},
                retry.backoff_max);
  return retry;
}

/// The topic with its prefix, or what is wrong with it.
Result<std::string> prefixed_topic(const Reading& reading, std::string_view topic) {
  if (const auto wrong = topic_problem(topic)) return failure(*wrong);
  if (reading.is_tenant_prefix && begins_with_prefix(reading.topic_prefix, topic)) {
    return failure(std::string(kHasPrefix));
  }
  auto prefixed = with_prefix(reading.topic_prefix, topic);
  if (const auto wrong = topic_problem(prefixed)) return failure(*wrong + " (with topic_prefix)");
  return prefixed;
}

std::optional<std::string> read_topic(Reading& reading, const Value& item) {
  std::string text;
  if (!read_text(reading, item, text)) return std::nullopt;
  auto topic = prefixed_topic(reading, text);
  if (topic) return std::move(*topic);
  reading.problems.add(
      item.place, fmt::format("topic {} {}", in_quotes(item.node->text), topic.error().message));
  return std::nullopt;
}

std::vector<std::string> read_topics(Reading& reading, const MaybeValue& value) {
  std::vector<std::string> topics;
  for (const Value& item : read_list(reading, value)) {
    auto topic = read_topic(reading, item);
    if (!topic) continue;
    if (const auto line = reading.topics_of_group.claim(*topic, item.place.line)) {
      reading.problems.add(item.place, fmt::format("topic {} is read at line {} already; in one "
                                                   "group a topic has one handler",
                                                   in_quotes(item.node->text), *line));
    }
    topics.push_back(std::move(*topic));
  }
  return topics;
}

Result<std::string> dead_letter_topic(const Reading& reading, std::string_view text) {
  if (is_topic_regex(text)) return failure("is a regex, not one topic");
  auto topic = prefixed_topic(reading, text);
  // It would be taken for the word where the effective configuration is loaded again.
  if (topic && (*topic == kSkip || *topic == kStop)) {
    return failure("is a word of this key (with topic_prefix)");
  }
  return topic;
}

void read_dead_letter(Reading& reading, const MaybeValue& value, HandlerConfig& handler) {
  std::string text;
  if (!read_text(reading, value, text)) return;
  handler.give_up = text == kSkip   ? GiveUp::kSkip
                    : text == kStop ? GiveUp::kStop
                                    : GiveUp::kDeadLetter;
  if (handler.give_up != GiveUp::kDeadLetter) return;
  const auto topic = dead_letter_topic(reading, text);
  if (!topic) {
    reading.problems.add(value->place,
                         fmt::format("dead-letter topic {} {}", in_quotes(value->node->text),
                                     topic.error().message));
    return;
  }
  handler.dead_letter_topic = *topic;
  reading.dead_letters_of_group.push_back({*topic, value->node->text, value->place});
}

void read_key_pointer(Reading& reading, const MaybeValue& value, std::string& key_pointer) {
  if (!read_text(reading, value, key_pointer)) return;
  const auto parsed = route::KeyPointer::parse(key_pointer);
  if (!parsed) add_problem(reading, *value, "is no JSON pointer: it " + parsed.error().message);
}

void refuse_without(Reading& reading, const MaybeValue& value, bool has_use, std::string_view use) {
  if (!value || has_use) return;
  reading.problems.add(value->place, fmt::format("'{}' is of use only with {}", value->key, use));
}

void read_ordering(Reading& reading, const MapReader& map, HandlerConfig& handler) {
  const MaybeValue ordering = map.find("ordering");
  const auto index = read_choice(reading, ordering, kOrderings);
  if (index) handler.ordering = static_cast<Ordering>(*index);
  const MaybeValue key = map.find("key");
  const MaybeValue max_slots = map.find("max_slots");
  read_key_pointer(reading, key, handler.key_pointer);
  read_integer(reading, max_slots, kMaxSlotsRange, handler.max_slots);
  if (ordering && !index) return;  // nobody knows what goes with it
  refuse_without(reading, key, handler.ordering == Ordering::kKey, "'ordering: key'");
  refuse_without(reading, max_slots, handler.ordering != Ordering::kPartition,
                 "'ordering: key' or 'ordering: none'");
}

std::optional<route::Where> read_where(Reading& reading, const MaybeValue& value) {
  std::string text;
  if (!read_text(reading, value, text)) return std::nullopt;
  auto where = route::Where::parse(text);
  if (where) return std::move(*where);
  add_problem(reading, *value, where.error().message);
  return std::nullopt;
}

void read_on_deadline(Reading& reading, const MaybeValue& value, OnDeadline& on_deadline) {
  const auto index = read_choice(reading, value, kOnDeadlines);
  if (index) on_deadline = static_cast<OnDeadline>(*index);
}

void read_name(Reading& reading, const MaybeValue& value, std::string& name) {
  if (!read_text(reading, value, name)) return;
  auto wrong = handler_name_problem(name);
  if (!wrong) {
    const auto line = reading.handler_names.claim(name, value->place.line);
    if (!line) return;
    wrong = fmt::format("is used at line {} already", *line);
  }
  reading.problems.add(value->place,
                       fmt::format("handler name {} {}", in_quotes(value->node->text), *wrong));
}

}  // namespace

HandlerConfig read_handler(Reading& reading, const Value& value) {
  HandlerConfig handler;
  handler.place = reading.problems.source(value.place);
  const MapReader map(reading, value, "handler", kHandlerKeys);
  read_name(reading, map.require("name"), handler.name);
  read_path(reading, map.require("plugin"), reading.plugins_path, handler.plugin);
  handler.plugin_trust = reading.plugin_trust;
  handler.topics = read_topics(reading, map.require("topics"));
  handler.batch = read_batch(reading, map.find("batch"));
  read_ordering(reading, map, handler);
  handler.where = read_where(reading, map.find("where"));
  read_integer(reading, map.find("workers"), kWorkersRange, handler.workers);
  const MaybeValue dead_letter = map.find("dead_letter");
  handler.retry = read_retry(reading, map.find("retry"), dead_letter.has_value());
  read_dead_letter(reading, dead_letter, handler);
  read_duration(reading, map.find("deadline"), kDeadlineRange, handler.deadline);
  read_on_deadline(reading, map.find("on_deadline"), handler.on_deadline);
  handler.canary = read_canary(reading, map.find("canary"));
  handler.settings_json = read_settings(reading, map.find("settings"));
  return handler;
}

}  // namespace moult::config
