#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "runtime/config/fields.h"
#include "runtime/config/sections.h"
#include "runtime/config/text.h"
#include "runtime/config/topics.h"

namespace moult::config {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr std::array<std::string_view, 8> kKeys = {"name",     "plugin",  "topics", "batch",
                                                   "ordering", "workers", "retry",  "settings"};
constexpr std::array<std::string_view, 3> kBatchKeys = {"max_records", "max_bytes", "linger"};
constexpr std::array<std::string_view, 2> kRetryKeys = {"backoff", "backoff_max"};
constexpr std::array<std::string_view, 1> kOrderings = {"partition"};

constexpr Range<std::uint32_t> kMaxRecordsRange{1, 100'000};
constexpr Range<std::uint64_t> kMaxBytesRange{1ULL << 10, 1ULL << 30};
constexpr Range<milliseconds> kLingerRange{0ms, 60s};
constexpr Range<milliseconds> kBackoffRange{1ms, 1h};
constexpr milliseconds kBackoffMaxHigh = 24h;
constexpr Range<std::uint32_t> kWorkersRange{1, 1'024};

BatchConfig read_batch(Reading& reading, const MaybeValue& value) {
  BatchConfig batch;
  if (!value) return batch;
  const MapReader map(reading, *value, "batch", kBatchKeys);
  read_integer(reading, map.find("max_records"), kMaxRecordsRange, batch.max_records);
  read_size(reading, map.find("max_bytes"), kMaxBytesRange, batch.max_bytes);
  read_duration(reading, map.find("linger"), kLingerRange, batch.linger);
  return batch;
}

RetryConfig read_retry(Reading& reading, const MaybeValue& value) {
  RetryConfig retry;
  if (!value) return retry;
  const MapReader map(reading, *value, "retry", kRetryKeys);
  read_duration(reading, map.find("backoff"), kBackoffRange, retry.backoff);
  // A backoff above the default maximum means what it says.
  retry.backoff_max = std::max(retry.backoff_max, retry.backoff);
  read_duration(reading, map.find("backoff_max"), {retry.backoff, kBackoffMaxHigh},
                retry.backoff_max);
  return retry;
}

std::optional<std::string> read_topic(Reading& reading, const Value& item) {
  std::string topic;
  if (!read_text(reading, item, topic)) return std::nullopt;
  auto wrong = topic_problem(topic);
  if (!wrong) {
    topic = with_prefix(reading.topic_prefix, topic);
    wrong = topic_problem(topic);
    if (wrong) *wrong += " (with topic_prefix)";
  }
  if (!wrong) return topic;
  reading.problems.add(item.place, fmt::format("topic {} {}", in_quotes(item.node->text), *wrong));
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
  const MapReader map(reading, value, "handler", kKeys);
  read_name(reading, map.require("name"), handler.name);
  read_path(reading, map.require("plugin"), reading.plugins_path, handler.plugin);
  handler.topics = read_topics(reading, map.require("topics"));
  handler.batch = read_batch(reading, map.find("batch"));
  // There is one ordering so far: knowing the word is all.
  read_choice(reading, map.find("ordering"), kOrderings);
  read_integer(reading, map.find("workers"), kWorkersRange, handler.workers);
  handler.retry = read_retry(reading, map.find("retry"));
  handler.settings_json = read_settings(reading, map.find("settings"));
  return handler;
}

}  // namespace moult::config
