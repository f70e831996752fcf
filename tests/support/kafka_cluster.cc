#include "tests/support/kafka_cluster.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "runtime/base/parts.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

namespace moult::testing {
namespace {

// Against hangs: tools/kafka gives up by itself before.
constexpr std::chrono::minutes kToolBound{5};
constexpr const char* kSharedProperties = MOULT_SOURCE_DIR "/tests/support/server.properties";

}  // namespace

KafkaCluster& KafkaCluster::shared() {
  const char* external = std::getenv("MOULT_TEST_KAFKA");
  if (external != nullptr && *external != '\0') {
    static KafkaCluster cluster(External{external});
    return cluster;
  }
  static KafkaCluster cluster(Options{.properties = read_file(kSharedProperties)});
  return cluster;
}

KafkaCluster::KafkaCluster(External external) : name_(std::move(external.name)), ours_(false) {
  up({"--config", kSharedProperties});
}

KafkaCluster::KafkaCluster(const Options& options)
    : name_(unique_name("test")), brokers_(options.brokers) {
  std::vector<std::string> arguments{"--brokers", std::to_string(options.brokers), "--watch",
                                     std::to_string(::getpid())};
  const Scratch scratch(Scratch::Keep::kNever);
  if (!options.properties.empty()) {
    write_file(scratch / "extra.properties", options.properties);
    arguments.insert(arguments.end(), {"--config", (scratch / "extra.properties").string()});
  }
  if (!options.classes.empty()) {
    arguments.insert(arguments.end(), {"--classpath", options.classes.string()});
  }
  for (const std::string& listener : options.listeners) {
    arguments.insert(arguments.end(), {"--listener", listener});
  }
  up(arguments);
}

void KafkaCluster::compile(const std::filesystem::path& source,
                           const std::filesystem::path& classes) {
  const std::string jars(trimmed(run({"fetch"})));
  succeeded(run_to_end({"javac", "-cp", jars + "/*", "-d", classes.string(), source.string()},
                       kToolBound),
            "javac (tools/setup --test)");
}

KafkaCluster::~KafkaCluster() {
  if (!ours_) return;
  try {
    run({"down", "--name", name_});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
  }
}

void KafkaCluster::up(const std::vector<std::string>& options) {
  std::vector<std::string> arguments{"up", "--name", name_};
  arguments.insert(arguments.end(), options.begin(), options.end());
  std::istringstream lines(run(arguments));
  constexpr std::string_view kPrefix = "bootstrap";
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find('=');
    if (!line.starts_with(kPrefix) || equals == line.npos) continue;
    std::string listener = line.substr(kPrefix.size(), equals - kPrefix.size());
    if (listener.starts_with('.')) listener.erase(0, 1);
    bootstraps_[listener] = line.substr(equals + 1);
  }
  if (!bootstraps_.contains("")) throw std::runtime_error("tools/kafka up named no bootstrap");
}

const std::string& KafkaCluster::bootstrap(const std::string& listener) const {
  return bootstraps_.at(listener);
}

std::string KafkaCluster::tool(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command{"tool", "--name", name_};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run(command);
}

void KafkaCluster::stop_node(int node, Stop how) const {
  std::vector<std::string> command{"stop-node", name_, std::to_string(node)};
  if (how == Stop::kKill) command.emplace_back("--kill");
  run(command);
}

void KafkaCluster::start_node(int node) const { run({"start-node", name_, std::to_string(node)}); }

void KafkaCluster::signal_node(int node, int signal) const {
  const std::string pid = run({"pid", "--name", name_, std::to_string(node)});
  if (::kill(static_cast<pid_t>(std::stol(pid)), signal) != 0) {
    throw std::system_error(errno, std::generic_category(), "signal to a node");
  }
}

std::filesystem::path KafkaCluster::log_file(int node) const {
  std::string path = run({"log", "--name", name_, std::to_string(node)});
  if (path.ends_with('\n')) path.pop_back();
  return path;
}

std::size_t KafkaCluster::generations(const std::string& group) const {
  return log_lines(fmt::format("Stabilized group {} generation ", group)) +
         log_lines(fmt::format("[GroupId {}] Bumped group epoch to ", group));
}

std::size_t KafkaCluster::expired_members(const std::string& group) const {
  return log_lines(fmt::format(" in group {} has failed, removing it from the group", group)) +
         log_lines(fmt::format("[GroupId {}] Member ", group), "because its session expired");
}

/// How many lines of the brokers' logs have both texts.
std::size_t KafkaCluster::log_lines(const std::string& text, const std::string& other) const {
  std::size_t count = 0;
  for (int node = 1; node <= brokers_; ++node) {
    std::istringstream lines(read_file(log_file(node)));
    for (std::string line; std::getline(lines, line);) {
      if (line.find(text) != line.npos && line.find(other) != line.npos) ++count;
    }
  }
  return count;
}

std::string KafkaCluster::run(const std::vector<std::string>& arguments) {
  std::vector<std::string> command{MOULT_SOURCE_DIR "/tools/kafka"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  Finished finished = run_to_end(command, kToolBound);
  if (finished.status == 0) return finished.out;
  throw std::runtime_error(fmt::format("'{}' failed with {}:\n{}{}", fmt::join(command, " "),
                                       finished.status, finished.out, finished.errors));
}

}  // namespace moult::testing
