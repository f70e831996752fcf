#include "tests/deploy/machine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <stdexcept>

#include "tests/support/scratch.h"

namespace moult::testing {
namespace {

constexpr const char* kScript = MOULT_SOURCE_DIR "/tests/deploy/lib/machine";
/// Its tree may have to be made.
constexpr std::chrono::minutes kUpBound{20};

}  // namespace

Machine::Machine(const std::vector<std::string>& binds) {
  std::vector<std::string> command{kScript, "up", "--watch", std::to_string(::getpid())};
  for (const std::string& bind : binds) command.insert(command.end(), {"--bind", bind});
  const Finished up = succeeded(run_to_end(command, kUpBound), "no machine");
  constexpr std::string_view kAnswer = "machine=";
  const auto at = up.out.rfind(kAnswer);
  if (at == std::string::npos) throw std::runtime_error("no machine: " + up.errors);
  folder_ = up.out.substr(at + kAnswer.size(), up.out.find('\n', at) - at - kAnswer.size());
}

Machine::~Machine() {
  try {
    run_to_end({kScript, "down", folder_}, kPatience);
  } catch (const std::exception& error) {
    fmt::print(stderr, "machine {}: {}\n", folder_, error.what());
  }
}

Finished Machine::run(const std::vector<std::string>& command, Duration bound) const {
  std::vector<std::string> whole{kScript, "run", folder_};
  whole.insert(whole.end(), command.begin(), command.end());
  return run_to_end(whole, bound);
}

Finished Machine::shell(const std::string& line, Duration bound) const {
  return run({"sh", "-c", line}, bound);
}

std::string Machine::output(const std::string& line, Duration bound) const {
  return succeeded(shell(line, bound), line).out;
}

std::unique_ptr<Process> Machine::start(const std::vector<std::string>& command,
                                        const std::filesystem::path& out) const {
  std::vector<std::string> whole{kScript, "run", folder_};
  whole.insert(whole.end(), command.begin(), command.end());
  return std::make_unique<Process>(whole, Process::Output{out, out});
}

void Machine::put(const std::filesystem::path& from, const std::string& to) const {
  succeeded(run_to_end({kScript, "put", folder_, from.string(), to}, kPatience), "put");
}

void Machine::write(const std::string& path, const std::string& text) const {
  const Scratch scratch;
  write_file(scratch / "file", text);
  put(scratch / "file", path);
}

void install_packages(const Machine& machine) {
  std::string names;
  for (const auto& file : std::filesystem::directory_iterator(MOULT_PACKAGES)) {
    if (file.path().extension() != ".deb") continue;
    machine.put(file.path(), "/root");
    names += " ./" + file.path().filename().string();
  }
  // Its apt knows no archive: a dependency that is not there already is an error.
  machine.output("DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends" +
                 names);
}

}  // namespace moult::testing
