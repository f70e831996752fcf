#include "tests/deploy/container.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <iostream>
#include <sstream>

#include "runtime/base/parts.h"
#include "tests/support/wait.h"

namespace moult::testing {
namespace {

constexpr std::chrono::minutes kBuildBound{40};  // the first time, on a busy machine
constexpr const char* kScript = MOULT_SOURCE_DIR "/tests/deploy/lib/containers";

Images build() {
  const Finished finished = succeeded(run_to_end({kScript, "images"}, kBuildBound), "images");
  Images images;
  std::istringstream lines(finished.out);
  for (std::string line; std::getline(lines, line);) {
    const std::string value = line.substr(line.find('=') + 1);
    if (line.starts_with("base=")) images.base = value;
    if (line.starts_with("moult=")) images.moult = value;
    if (line.starts_with("sdk=")) images.sdk = value;
  }
  return images;
}

std::vector<std::string> run_arguments(const std::string& image,
                                       const Container::Options& options) {
  std::vector<std::string> arguments{"run",
                                     "--detach",
                                     "--pull=never",
                                     "--network=host",
                                     "--read-only",
                                     "--read-only-tmpfs=false",
                                     "--cap-drop=all",
                                     "--timeout=300",
                                     "--security-opt=no-new-privileges"};
  for (const std::string& mount : options.mounts) arguments.push_back("--volume=" + mount);
  for (const auto& [name, value] : options.environment) {
    arguments.push_back(fmt::format("--env={}={}", name, value));
  }
  arguments.push_back(image);
  arguments.insert(arguments.end(), options.command.begin(), options.command.end());
  return arguments;
}

}  // namespace

const Images& Images::built() {
  static const Images images = build();
  return images;
}

Finished podman(const std::vector<std::string>& arguments, Duration bound) {
  std::vector<std::string> command{kScript, "podman"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_to_end(command, bound);
}

Container::Container(const std::string& image, const Options& options)
    : id_(trimmed(succeeded(podman(run_arguments(image, options)), "podman run").out)) {}

Container::~Container() {
  if (::testing::Test::HasFailure())
    std::cerr << "---- log of the container\n" << log() << "----\n";
  podman({"rm", "--force", "--volumes", "--time=0", id_});
}

Finished Container::exec(const std::vector<std::string>& command) const {
  std::vector<std::string> arguments{"exec", id_};
  arguments.insert(arguments.end(), command.begin(), command.end());
  return podman(arguments);
}

bool Container::healthy() const { return podman({"healthcheck", "run", id_}).status == 0; }

void Container::stop(std::chrono::seconds grace) const {
  succeeded(podman({"stop", fmt::format("--time={}", grace.count()), id_}), "podman stop");
}

void Container::signal(const std::string& name) const {
  succeeded(podman({"kill", "--signal=" + name, id_}), "podman kill");
}

bool Container::running() const {
  return podman({"inspect", "--format={{.State.Running}}", id_}).out.starts_with("true");
}

int Container::exit_code() const {
  return std::stoi(succeeded(podman({"wait", id_}), "podman wait").out);
}

std::string Container::log() const {
  const Finished finished = podman({"logs", id_});
  return finished.out + finished.errors;
}

bool Container::wait_log(const std::string& text, Duration bound) const {
  return eventually([&] { return log().find(text) != std::string::npos; }, bound,
                    std::chrono::milliseconds(200));
}

}  // namespace moult::testing
