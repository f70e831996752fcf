#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

#include "runtime/config/json.h"
#include "runtime/config/load.h"
#include "runtime/config/units.h"

namespace moult {
namespace {

constexpr std::string_view kRedacted = "[redacted]";

/// Text as a value of a config file: what loads again as the same text.
std::string value(std::string_view text) {
  std::string escaped;
  for (const char byte : text) escaped += byte == '$' ? std::string("$$") : std::string{byte};
  return config::json_string(escaped);
}

std::string_view format_of(LogFormat format) {
  switch (format) {
    case LogFormat::kAuto:
      return "auto";
    case LogFormat::kText:
      return "text";
    case LogFormat::kJson:
      return "json";
  }
  MOULT_CHECK(false, "unknown log format");
}

std::string_view ordering_of(Ordering ordering) {
  switch (ordering) {
    case Ordering::kPartition:
      return "partition";
    case Ordering::kKey:
      return "key";
    case Ordering::kNone:
      return "none";
  }
  MOULT_CHECK(false, "unknown ordering");
}

std::string_view on_deadline_of(OnDeadline on_deadline) {
  switch (on_deadline) {
    case OnDeadline::kReport:
      return "report";
    case OnDeadline::kExit:
      return "exit";
  }
  MOULT_CHECK(false, "unknown choice at the deadline");
}

std::string describe_log(const LogConfig& log) {
  std::string out =
      fmt::format("log:\n  format: {}\n  level: {}\n", format_of(log.format), name_of(log.level));
  if (!log.levels.empty()) out += "  levels:\n";
  for (const auto& [component, level] : log.levels) {
    out += fmt::format("    {}: {}\n", name_of(component), name_of(level));
  }
  return out;
}

std::string describe_admin(const AdminConfig& admin) {
  if (!admin.enabled) return "admin: {socket: none}\n";
  if (admin.socket.empty()) return "";
  return fmt::format("admin: {{socket: {}}}\n", value(admin.socket.string()));
}

std::string describe_kafka(const KafkaProperties& properties) {
  std::string out;
  if (!properties.empty()) out += "    kafka:\n";
  for (const auto& [name, property] : properties) {
    out += fmt::format(
        "      {}: {}\n", config::json_string(name),
        is_secret_property(name) ? config::json_string(kRedacted) : value(property.value));
  }
  return out;
}

std::string describe_topics(const std::vector<std::string>& topics) {
  std::vector<std::string> values;
  values.reserve(topics.size());
  for (const std::string& topic : topics) values.push_back(value(topic));
  return fmt::format("        topics: [{}]\n", fmt::join(values, ", "));
}

std::string describe_ordering(const HandlerConfig& handler) {
  std::string out = fmt::format("        ordering: {}\n", ordering_of(handler.ordering));
  if (!handler.key_pointer.empty()) {
    out += fmt::format("        key: {}\n", value(handler.key_pointer));
  }
  if (handler.ordering != Ordering::kPartition) {
    out += fmt::format("        max_slots: {}\n", handler.max_slots);
  }
  return out;
}

std::string describe_retry(const RetryConfig& retry) {
  const std::string max_attempts =
      retry.max_attempts == 0 ? "unlimited" : std::to_string(retry.max_attempts);
  return fmt::format("        retry: {{max_attempts: {}, backoff: {}, backoff_max: {}}}\n",
                     max_attempts, config::format_duration(retry.backoff),
                     config::format_duration(retry.backoff_max));
}

std::string describe_dead_letter(const HandlerConfig& handler) {
  switch (handler.give_up) {
    case GiveUp::kNever:
      return "";
    case GiveUp::kDeadLetter:
      return fmt::format("        dead_letter: {}\n", value(handler.dead_letter_topic));
    case GiveUp::kSkip:
      return "        dead_letter: skip\n";
    case GiveUp::kStop:
      return "        dead_letter: stop\n";
  }
  MOULT_CHECK(false, "unknown end of a record");
}

std::string describe_canary(const CanaryConfig& canary) {
  std::string out = canary.lanes > 0 ? fmt::format("        canary: {{lanes: {}", canary.lanes)
                                     : fmt::format("        canary: {{share: {}%", canary.share);
  if (canary.batches > 0) out += fmt::format(", batches: {}", canary.batches);
  return out +
         fmt::format(", for: {}, max_failures: {}%, max_slowdown: {}}}\n",
                     config::format_duration(canary.time), canary.max_failures,
                     canary.max_slowdown == 0 ? "unlimited" : std::to_string(canary.max_slowdown));
}

std::string describe_handler(const HandlerConfig& handler) {
  std::string out = fmt::format("      - name: {}\n", value(handler.name));
  out += fmt::format("        plugin: {}\n", value(handler.plugin.string()));
  out += describe_topics(handler.topics);
  out += fmt::format("        batch: {{max_records: {}, max_bytes: {}, linger: {}}}\n",
                     handler.batch.max_records, config::format_size(handler.batch.max_bytes),
                     config::format_duration(handler.batch.linger));
  out += describe_ordering(handler);
  if (handler.where) out += fmt::format("        where: {}\n", value(handler.where->text()));
  out += fmt::format("        workers: {}\n", handler.workers);
  out += describe_retry(handler.retry);
  out += describe_dead_letter(handler);
  out += fmt::format("        deadline: {}\n", config::format_duration(handler.deadline));
  out += fmt::format("        on_deadline: {}\n", on_deadline_of(handler.on_deadline));
  if (handler.canary) out += describe_canary(*handler.canary);
  // Only the team that wrote the plugin knows which of its settings are secret.
  const bool has_settings = handler.settings_json != "{}";
  out += fmt::format("        settings: {}\n",
                     has_settings ? config::json_string(kRedacted) : handler.settings_json);
  return out;
}

/// Properties don't say who makes the tokens; all else that a preset does is in them.
std::string describe_aws_iam(const Config& config) {
  if (config.consumers.empty() || !config.consumers.front().aws_iam) return "";
  const AwsIamConfig& aws = *config.consumers.front().aws_iam;
  std::string out = "preset: msk-iam\n";
  // Where they differ it is the brokers' names that tell.
  const bool is_one_region = std::ranges::all_of(config.consumers, [&](const auto& consumer) {
    return consumer.aws_iam && consumer.aws_iam->region == aws.region;
  });
  if (is_one_region || !aws.profile.empty()) out += "aws:\n";
  if (is_one_region) out += fmt::format("  region: {}\n", value(aws.region));
  if (!aws.profile.empty()) out += fmt::format("  profile: {}\n", value(aws.profile));
  return out;
}

std::string describe_consumer(const ConsumerConfig& consumer) {
  std::string out = fmt::format("  - group: {}\n", value(consumer.group));
  out += describe_kafka(consumer.kafka);
  out += "    handlers:\n";
  for (const HandlerConfig& handler : consumer.handlers) out += describe_handler(handler);
  return out;
}

}  // namespace

std::string describe_config(const Config& config) {
  std::string out;
  if (!config.staging_path.empty()) {
    out += fmt::format("staging_path: {}\n", value(config.staging_path.string()));
  }
  if (config.plugin_trust.owner) {
    out += fmt::format("plugins_owner: {}\n", value(config.plugin_trust.owner_text));
  }
  out += fmt::format("plugins_manifest: {}\n",
                     config.plugin_trust.manifest_required ? "required" : "optional");
  out += fmt::format("commit_interval: {}\n", config::format_duration(config.commit_interval));
  out += fmt::format("drain_deadline: {}\n", config::format_duration(config.drain_deadline));
  out += fmt::format("revoke_deadline: {}\n", config::format_duration(config.revoke_deadline));
  out += fmt::format("soak: {}\n", config::format_duration(config.soak));
  out += fmt::format("memory_budget: {}\n", config::format_size(config.memory_budget));
  out += describe_log(config.log);
  out += describe_admin(config.admin);
  out += describe_aws_iam(config);
  out += "consumers:\n";
  for (const ConsumerConfig& consumer : config.consumers) out += describe_consumer(consumer);
  return out;
}

}  // namespace moult
