#include "tests/kafka/reload_fixture.h"

#include <csignal>
#include <future>

namespace moult::testing {

std::unique_ptr<Daemon> Reloads::start_first(int partitions, const Properties& settings) {
  make_topic(partitions);
  Properties first = settings;
  first["tag"] = "\"1\"";
  return start(spec(first));
}

void Reloads::configure(const Daemon& daemon, const DaemonSpec& spec) const {
  write_file(daemon.config(), spec.yaml());
}

DaemonSpec Reloads::next(const Properties& settings) {
  Properties with_tag = settings;
  with_tag["tag"] = "\"" + std::to_string(++tag_) + "\"";
  return spec(with_tag);
}

bool Reloads::reload(const Daemon& daemon, const std::string& expected) {
  const std::size_t before = daemon.log_count(expected);
  daemon.signal(SIGHUP);
  return daemon.wait_log(expected, kLong, before + 1);
}

Finished Reloads::ask(const Daemon& daemon, const std::string& command,
                      const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {command, "--config", daemon.config().string()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return run_moult(all);
}

std::vector<Finished> Reloads::reload_at_once(const Daemon& daemon, int processes) {
  std::vector<std::future<Finished>> hooks;
  for (int i = 0; i < processes; ++i) {
    hooks.push_back(std::async(std::launch::async, [&] { return ask(daemon, "reload"); }));
  }
  std::vector<Finished> ended;
  for (std::future<Finished>& hook : hooks) ended.push_back(hook.get());
  return ended;
}

}  // namespace moult::testing
