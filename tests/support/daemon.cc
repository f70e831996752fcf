#include "tests/support/daemon.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <stdexcept>

#include "tests/support/wait.h"

namespace moult::testing {
namespace {

constexpr std::size_t kLogShown = 16'384;
constexpr std::chrono::seconds kCommandBound{30};

std::string flow_map(const Properties& entries) {
  std::vector<std::string> pairs;
  for (const auto& [name, value] : entries) pairs.push_back(fmt::format("{}: {}", name, value));
  return fmt::format("{{{}}}", fmt::join(pairs, ", "));
}

std::string handler_yaml(const HandlerSpec& handler) {
  std::string yaml = fmt::format("      - name: {}\n        plugin: {}\n        topics: [{}]\n",
                                 handler.name, handler.plugin, fmt::join(handler.topics, ", "));
  for (const auto& [name, value] : handler.options) {
    yaml += fmt::format("        {}: {}\n", name, value);
  }
  return yaml + fmt::format("        settings: {}\n", flow_map(handler.settings));
}

std::filesystem::path write_config(const Scratch& scratch, const std::string& name,
                                   const DaemonSpec& spec) {
  std::filesystem::path path = scratch / (name + ".yaml");
  write_file(path, spec.yaml());
  return path;
}

/// With its crash reports among the test's files, unless the test has another place for them.
Environment with_reports_in(const Scratch& scratch, Environment environment) {
  environment.try_emplace("LOGS_DIRECTORY", scratch.path().string());
  return environment;
}

}  // namespace

std::string DaemonSpec::yaml() const {
  std::string yaml = fmt::format(
      "kafka: {}\nplugins_path: {}\nlog: {{format: text, level: {}}}\n", flow_map(kafka),
      plugins_path.empty() ? MOULT_TEST_PLUGINS : plugins_path, log_level);
  for (const auto& [name, value] : options) yaml += fmt::format("{}: {}\n", name, value);
  yaml += "consumers:\n";
  for (const ConsumerSpec& consumer : consumers) {
    yaml += fmt::format("  - group: {}\n    kafka: {}\n    handlers:\n", consumer.group,
                        flow_map(consumer.kafka));
    for (const HandlerSpec& handler : consumer.handlers) yaml += handler_yaml(handler);
  }
  return yaml;
}

Finished run_moult(const std::vector<std::string>& arguments, const Environment& environment) {
  std::vector<std::string> command{MOULT_BINARY};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_to_end(command, kCommandBound, environment);
}

Daemon::Daemon(const Scratch& scratch, const std::string& name, const DaemonSpec& spec)
    : name_(name),
      config_(write_config(scratch, name, spec)),
      log_(scratch / (name + ".log")),
      process_({MOULT_BINARY, "run", "--config", config_.string()}, {log_, log_},
               with_reports_in(scratch, spec.environment)) {}

Daemon::~Daemon() {
  if (!::testing::Test::HasFailure()) return;
  const std::string text = log();
  const std::size_t from = text.size() - std::min(text.size(), kLogShown);
  std::cerr << "---- log of " << name_ << " (process " << pid() << ")\n"
            << text.substr(from) << "----\n";
}

std::optional<int> Daemon::stop(Duration bound) {
  signal(SIGTERM);
  return wait_exit(bound);
}

std::size_t Daemon::memory_kib(const std::string& what) const {
  const std::string status = read_file(fmt::format("/proc/{}/status", pid()));
  const std::size_t at = status.find(what + ":");
  if (at == status.npos) throw std::runtime_error("no " + what + " in\n" + status);
  return std::stoul(status.substr(at + what.size() + 1));
}

std::size_t Daemon::log_count(const std::string& text) const {
  const std::string all = log();
  std::size_t count = 0;
  for (std::size_t at = all.find(text); at != all.npos; at = all.find(text, at + text.size())) {
    ++count;
  }
  return count;
}

bool Daemon::wait_log(const std::string& text, Duration bound, std::size_t times) const {
  return eventually([&] { return log_count(text) >= times; }, bound);
}

}  // namespace moult::testing
