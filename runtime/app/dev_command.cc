#include <fmt/format.h>

#include <fstream>
#include <numeric>
#include <set>

#include "runtime/app/commands.h"
#include "runtime/app/daemon.h"
#include "runtime/app/exit_code.h"
#include "runtime/app/load_command_config.h"
#include "runtime/app/membership.h"
#include "runtime/app/summary.h"
#include "runtime/kafka/mock_broker.h"
#include "runtime/kafka/property_names.h"
#include "runtime/kafka/sample_producer.h"

namespace moult {
namespace {

struct SampleFile {
  std::string topic;
  std::vector<kafka::Sample> samples;
};

Result<SampleFile> read_samples(const std::string& argument, std::uint64_t count) {
  const auto equals = argument.find('=');
  if (equals == std::string::npos) {
    return failure(fmt::format("--produce {}: expected TOPIC=FILE", argument));
  }
  std::ifstream file(argument.substr(equals + 1));
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  if (lines.empty()) return failure(fmt::format("--produce {}: no lines to read", argument));
  SampleFile result{argument.substr(0, equals), {}};
  const std::uint64_t total = count == 0 ? lines.size() : count;
  for (std::uint64_t i = 0; i < total; ++i) {
    result.samples.push_back({fmt::format("{}", i), lines[i % lines.size()]});
  }
  return result;
}

/// Every name that the config subscribes to, and those that are produced to.
std::set<std::string> topics_of(const Config& config, const std::vector<SampleFile>& files) {
  std::set<std::string> topics;
  for (const ConsumerConfig& consumer : config.consumers) {
    for (const HandlerConfig& handler : consumer.handlers) {
      for (const std::string& topic : handler.topics) {
        if (!kafka::is_regex(topic)) topics.insert(topic);
      }
    }
  }
  for (const SampleFile& file : files) topics.insert(file.topic);
  return topics;
}

/// The config as it stands, but on the embedded broker and from the beginning of its topics. No
/// other name of the brokers may lead to those of the config.
void embed(Config& config, const std::string& bootstrap_servers) {
  const auto aliases = kafka::property_aliases();
  for (ConsumerConfig& consumer : config.consumers) {
    for (const std::string& other : kafka::other_names(aliases, "bootstrap.servers")) {
      consumer.kafka.erase(other);
    }
    consumer.kafka.erase("test.mock.num.brokers");
    consumer.kafka["bootstrap.servers"].value = bootstrap_servers;
    consumer.kafka["security.protocol"].value = "plaintext";
    consumer.aws_iam.reset();
    consumer.kafka["auto.offset.reset"].value = "earliest";
    // With the new protocol they are the broker's, and refused here.
    if (kafka::uses_consumer_protocol(properties_of(consumer))) continue;
    // A rebalance takes the embedded broker as long as a session, less a second, though all members
    // are back at once.
    consumer.kafka["session.timeout.ms"].value = "6000";
    consumer.kafka["heartbeat.interval.ms"].value = "1000";
  }
}

Result<std::uint64_t> fill(kafka::MockBroker& broker, const Config& config,
                           const std::vector<SampleFile>& files, int partitions) {
  for (const std::string& topic : topics_of(config, files)) {
    if (auto made = broker.create_topic(topic, partitions); !made) return Unexpected(made.error());
  }
  std::uint64_t produced = 0;
  for (const SampleFile& file : files) {
    auto some = kafka::produce_samples(broker.bootstrap_servers(), file.topic, file.samples);
    if (!some) return Unexpected(some.error());
    produced += *some;
  }
  return produced;
}

/// What a developer changes.
std::vector<std::filesystem::path> files_of(const Config& config) {
  std::vector<std::filesystem::path> files = {config.file};
  for (const ConsumerConfig& consumer : config.consumers) {
    for (const HandlerConfig& handler : consumer.handlers) files.push_back(handler.plugin);
  }
  return files;
}

/// A topic that the config has anew is made.
Status make_others(kafka::MockBroker& broker, std::set<std::string>& topics, const Config& config,
                   int partitions) {
  for (const std::string& topic : topics_of(config, {})) {
    if (topics.contains(topic)) continue;
    if (auto made = broker.create_topic(topic, partitions); !made) return made;
    topics.insert(topic);
  }
  return Ok{};
}

int consume(const Config& config, kafka::MockBroker& broker, const DevOptions& options,
            std::uint64_t produced) {
  const auto log = make_log(config.log);
  if (!log) return kExitFailed;
  DaemonHooks hooks;
  std::set<std::string> topics = topics_of(config, {});
  hooks.reread = [&]() -> Result<Config> {
    auto read = reload_command_config(config.file);
    if (!read) return read;
    embed(*read, broker.bootstrap_servers());
    if (const Status made = make_others(broker, topics, *read, options.partitions); !made) {
      return Unexpected(made.error());
    }
    return read;
  };
  std::vector<std::filesystem::path> files = files_of(config);
  hooks.watched = [&] {
    if (const auto read = reload_command_config(config.file)) files = files_of(*read);
    return files;
  };
  if (options.exit_when_done) {
    hooks.done = [&](const std::vector<HandlerTotals>& totals) {
      return produced <= std::accumulate(totals.begin(), totals.end(), std::uint64_t{0},
                                         [](std::uint64_t sum, const HandlerTotals& total) {
                                           return sum + total.records;
                                         });
    };
  }
  const DaemonEnd end = run_daemon(config, *log, hooks);
  print_summary(end.totals);
  return end.exit_code;
}

}  // namespace

int dev_command(const DevOptions& options) {
  SignalQueue::block();
  auto config = load_command_config(options.config);
  if (!config) return kExitConfig;
  std::vector<SampleFile> files;
  for (const std::string& argument : options.produce) {
    auto file = read_samples(argument, options.count);
    if (!file) return fail("dev", file.error());
    files.push_back(std::move(*file));
  }
  auto broker = kafka::MockBroker::start();
  if (!broker) return fail("dev", broker.error());
  embed(*config, (*broker)->bootstrap_servers());
  fmt::print("embedded broker: {}\n", (*broker)->bootstrap_servers());
  const auto produced = fill(**broker, *config, files, options.partitions);
  if (!produced) return fail("dev", produced.error());
  if (!files.empty()) fmt::print("produced {} records\n", *produced);
  std::fflush(stdout);
  return consume(*config, **broker, options, *produced);
}

}  // namespace moult
