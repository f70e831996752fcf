#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/give_up.h"
#include "runtime/base/log.h"
#include "runtime/route/where.h"

namespace moult {

/// A place in a config file, for messages: `file:line:column`.
struct SourcePlace {
  std::string file;
  int line = 0;    // 1-based
  int column = 0;  // 1-based
};

/// One librdkafka property of a `kafka:` section, interpolated, with the place it stands at.
struct KafkaProperty {
  std::string value;
  SourcePlace place;
};
using KafkaProperties = std::map<std::string, KafkaProperty>;

struct BatchConfig {
  std::uint32_t max_records = 500;           // 1 … 100,000
  std::uint64_t max_bytes = 1024ULL * 1024;  // 1 KiB … 1 GiB, of keys and values
  std::chrono::milliseconds linger{0};       // 0 … 60 s
};

struct RetryConfig {
  std::uint32_t max_attempts = 0;                 // 1 … 1,000; 0: no limit
  std::chrono::milliseconds backoff{1'000};       // 1 ms … 1 h
  std::chrono::milliseconds backoff_max{30'000};  // backoff … 24 h
};

enum class Ordering { kPartition, kKey, kNone };

/// What becomes of a batch that runs longer than its deadline.
enum class OnDeadline { kReport, kExit };

/// Whose plugin files may be loaded.
struct PluginTrustConfig {
  std::optional<uid_t> owner;  // beside root; nothing: the daemon's own user
  std::string owner_text;      // as it stands in the file
  bool manifest_required = false;
};

/// How a new generation is tried out before it has every lane, and what it must not do meanwhile.
struct CanaryConfig {
  std::uint32_t lanes = 1;    // 0: by share
  std::uint32_t share = 0;    // percent of the lanes, at least one
  std::uint32_t batches = 0;  // enough when it has handled so many; 0: the time decides
  std::chrono::milliseconds time{30'000};  // 100 ms … 1 h, at most
  std::uint32_t max_failures = 0;          // percent of the batches, above what the old one fails
  std::uint32_t max_slowdown = 3;          // times the old one's time a record; 0: no limit
};

struct HandlerConfig {
  std::string name;
  std::filesystem::path plugin;     // resolved against plugins_path
  PluginTrustConfig plugin_trust;   // of the whole file
  std::vector<std::string> topics;  // names, or regexes beginning with ^; topic_prefix applied
  BatchConfig batch;
  Ordering ordering = Ordering::kPartition;
  std::string key_pointer;       // JSON pointer to the ordering key; empty: the record's key
  std::uint32_t max_slots = 64;  // 1 … 1,024, lanes of one partition with ordering key or none
  std::optional<route::Where> where;  // records that don't match are finished unseen
  std::uint32_t workers = 1;          // 1 … 1,024
  RetryConfig retry;
  GiveUp give_up = GiveUp::kNever;
  std::string dead_letter_topic;                // topic_prefix applied, only with kDeadLetter
  std::chrono::milliseconds deadline{300'000};  // 1 s … 24 h, of one batch
  OnDeadline on_deadline = OnDeadline::kReport;
  std::optional<CanaryConfig> canary;
  std::string settings_json;  // `settings` as one JSON object; never logged
  SourcePlace place;
};

/// Brokers that ask for AWS IAM (`preset: msk-iam`): whose credentials make the tokens.
struct AwsIamConfig {
  std::string region;
  std::string profile;  // of the shared credentials file; empty: found as AWS's own tools do

  friend bool operator==(const AwsIamConfig&, const AwsIamConfig&) = default;
};

struct ConsumerConfig {
  std::string group;      // topic_prefix applied
  KafkaProperties kafka;  // the consumer's own over the global section over the preset
  std::optional<AwsIamConfig> aws_iam;
  std::vector<HandlerConfig> handlers;
  SourcePlace place;
};

enum class LogFormat { kAuto, kText, kJson };

struct LogConfig {
  LogFormat format =
      LogFormat::kAuto;  // auto: journal under systemd, text on a terminal, else JSON
  Severity level = Severity::kInfo;
  std::map<Component, Severity> levels;
};

struct AdminConfig {
  bool enabled = true;
  std::filesystem::path socket;  // empty: chosen by admin_socket_place()
};

struct Config {
  std::filesystem::path file;
  std::string topic_prefix;  // applied already to all names in here; for what handlers produce
  std::filesystem::path staging_path;  // private copies of plugins; empty: chosen by the runtime
  PluginTrustConfig plugin_trust;
  std::chrono::milliseconds commit_interval{1'000};   // 10 ms … 10 min
  std::chrono::milliseconds drain_deadline{25'000};   // at stop; 0 … 1 h
  std::chrono::milliseconds revoke_deadline{10'000};  // at a rebalance; 0 … 10 min
  std::chrono::milliseconds soak{300'000};            // 0 … 24 h, for a rollback
  std::uint64_t memory_budget =
      256ULL * 1024 * 1024;  // 16 MiB … 1 TiB, of records fetched and not finished
  LogConfig log;
  AdminConfig admin;
  std::vector<ConsumerConfig> consumers;
};

}  // namespace moult
