#include "tests/kafka/reload_fixture.h"

#include <algorithm>
#include <csignal>
#include <future>
#include <utility>

namespace moult::testing {

Traffic::Traffic(std::function<void()> send) : send_(std::move(send)), thread_([this] { run(); }) {}

Traffic::~Traffic() { end(); }

void Traffic::end() {
  ending_ = true;
  if (thread_.joinable()) thread_.join();
}

void Traffic::run() try {
  while (!ending_) {
    send_();
    std::this_thread::sleep_for(milliseconds(20));  // fast enough, and not all the broker can
  }
} catch (const std::exception& error) {
  ADD_FAILURE() << "the traffic ended: " << error.what();
}

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

std::set<std::string> Reloads::tags() {
  std::set<std::string> seen;
  for (const Entry& entry : of_event(ledger_.read(), Event::kRecord)) seen.insert(entry.lane.tag);
  return seen;
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
  std::vector<std::future<Finished>> hooks(static_cast<std::size_t>(processes));
  for (auto& hook : hooks) {
    hook = std::async(std::launch::async, [&] { return ask(daemon, "reload"); });
  }
  std::vector<Finished> ended(hooks.size());
  std::ranges::transform(hooks, ended.begin(), [](auto& hook) { return hook.get(); });
  return ended;
}

std::string Reloads::member() {
  const GroupDescription group = admin_.describe(group_);
  return group.members.size() == 1 ? group.members[0].id : "";
}

bool Reloads::wait_reads(const Daemon& daemon, const std::vector<std::string>& these,
                         const std::vector<std::string>& not_those) {
  return eventually(
      [&] {
        const std::string status = ask(daemon, "status", {"--json"}).out;
        const auto has = [&](const std::string& topic) {
          return status.find("\"topic\":\"" + topic + "\"") != std::string::npos;
        };
        return std::ranges::all_of(these, has) && std::ranges::none_of(not_those, has);
      },
      kLong);
}

}  // namespace moult::testing
