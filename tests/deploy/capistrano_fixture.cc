#include "tests/deploy/capistrano_fixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "tests/support/loopback.h"

namespace moult::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes kCapBound{10};
/// How often a ledger of many entries is looked at.
constexpr milliseconds kLook{100};

void run_or_throw(const std::vector<std::string>& command) {
  succeeded(run_to_end(command, kCapBound), command.front());
}

constexpr const char* kCapfile = R"(require "capistrano/setup"
require "capistrano/deploy"
require "capistrano/scm/git"
install_plugin Capistrano::SCM::Git
)";

constexpr const char* kDeploy = R"(set :application, "orders"
set :repo_url, "/srv/orders.git"
set :branch, "main"
set :deploy_to, "/opt/orders"
)";

constexpr const char* kStage = R"(server "127.0.0.1", user: "deploy", roles: %w[app]
set :ssh_options, port: {}, keys: ["{}"], keys_only: true, verify_host_key: :never
)";

/// As the README has it.
constexpr const char* kSudoers = R"(deploy ALL=(root) NOPASSWD: \
  /usr/bin/systemctl start moult, \
  /usr/bin/systemctl stop moult, \
  /usr/bin/systemctl restart moult, \
  /usr/bin/systemctl reload-or-restart moult, \
  /usr/bin/systemctl status --no-pager moult, \
  /usr/bin/systemctl status --no-pager --full --lines\=15 moult, \
  /usr/bin/systemctl kill --kill-who\=main --signal\=TSTP moult
)";

constexpr const char* kSshd = R"(ListenAddress 127.0.0.1
Port {}
UsePAM no
PasswordAuthentication no
PidFile none
MaxSessions 100
MaxStartups 100
)";

}  // namespace

DeployTarget& DeployTarget::shared() {
  static DeployTarget target;
  return target;
}

DeployTarget::Folder::Folder(const fs::path& root) {
  for (const char* name : {"ledgers", "project/config/deploy", "repository"}) {
    fs::create_directories(root / name);
  }
  fs::permissions(root / "ledgers", static_cast<fs::perms>(0777));
}

DeployTarget::DeployTarget()
    : made_(folder_.path()),
      port_(lasting_free_port()),
      machine_({ledgers().string() + ":/ledgers"}) {
  install();
  let_deploy_in();
  write_file(folder_ / "project" / "config" / "deploy" / "production.rb",
             fmt::format(kStage, port_, key().string()));
}

void DeployTarget::install() const {
  install_packages(machine_);
  machine_.output(
      "mkdir -p /etc/moult /etc/systemd/system/moult.service.d"
      " && printf '[Service]\\nReadWritePaths=/ledgers\\n'"
      " >/etc/systemd/system/moult.service.d/test.conf"
      " && echo MOULT_CONFIG=/opt/orders/current/config/moult.yaml >/etc/moult/moult.env"
      " && systemctl daemon-reload");
}

void DeployTarget::let_deploy_in() {
  run_or_throw({"ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-N", "", "-f", key().string()});
  machine_.output(
      "useradd --create-home --shell /bin/bash deploy && usermod --password '*' deploy"
      " && install -d -o deploy -g deploy -m 0700 /home/deploy/.ssh"
      " && install -d -o deploy -g deploy /opt/orders /srv/orders.git"
      " && runuser -u deploy -- git init -q --bare -b main /srv/orders.git");
  machine_.put(key().string() + ".pub", "/home/deploy/.ssh/authorized_keys");
  machine_.write("/etc/sudoers.d/deploy", kSudoers);
  machine_.write("/etc/ssh/sshd_config", fmt::format(kSshd, port_));
  machine_.output(
      "chown deploy: /home/deploy/.ssh/authorized_keys && chmod 0440 /etc/sudoers.d/deploy"
      " && systemctl unmask ssh.service && systemctl daemon-reload && systemctl start ssh.service");
  run_or_throw({"git", "-C", (folder_ / "repository").string(), "init", "-q", "-b", "main"});
}

void DeployTarget::clear() {
  machine_.output(
      "systemctl stop moult; systemctl reset-failed moult 2>/dev/null;"
      " rm -rf /opt/orders && install -d -o deploy -g deploy /opt/orders");
}

Finished DeployTarget::cap(const std::string& task, const std::string& settings) const {
  const std::string project = (folder_ / "project").string();
  const bool guide = settings.starts_with("# the guide's flow\n");
  write_file(
      folder_ / "project" / "Capfile",
      guide ? std::string(kCapfile)
            : kCapfile + fmt::format("require \"{}/config/capistrano/moult\"\n", MOULT_SOURCE_DIR));
  write_file(folder_ / "project" / "config" / "deploy.rb", kDeploy + settings);
  return run_to_end({"env", "-C", project, "LC_ALL=C.UTF-8", "cap", "production", task}, kCapBound);
}

void DeployTarget::commit(const fs::path& release) const {
  const std::string repository = (folder_ / "repository").string();
  fs::copy(release, repository, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const std::string ssh = fmt::format(
      "ssh -i {} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
      key().string());
  run_or_throw({"git", "-C", repository, "add", "--all"});
  run_or_throw({"git", "-C", repository, "-c", "user.name=deploy", "-c",
                "user.email=deploy@localhost", "commit", "-q", "--allow-empty", "-m", "A release"});
  run_or_throw({"env", "GIT_SSH_COMMAND=" + ssh, "git", "-C", repository, "push", "-q",
                fmt::format("ssh://deploy@127.0.0.1:{}/srv/orders.git", port_), "main"});
}

std::string DeployTarget::current() const {
  std::string path = machine_.shell("readlink /opt/orders/current").out;
  if (path.ends_with('\n')) path.pop_back();
  return path;
}

Capistrano::Capistrano() : target_(DeployTarget::shared()) {
  const fs::path file = target_.ledgers() / group_;
  write_file(file, "");
  fs::permissions(file, static_cast<fs::perms>(0666));  // the service's user writes it
  fs::create_symlink(file, scratch_ / "ledger");
  target_.clear();
}

Capistrano::~Capistrano() {
  traffic_.reset();
  if (HasFailure()) {
    fmt::print(stderr, "---- journal\n{}----\n",
               target_.machine().shell("journalctl -u moult -n 60 --no-pager -o cat").out);
  }
}

DaemonSpec Capistrano::release_spec() const {
  DaemonSpec spec = OneGroup::spec();
  never_missed(spec);
  spec.plugins_path = "../plugins";
  spec.options["plugins_owner"] = "deploy";
  handler(spec).settings["ledger"] = "/ledgers/" + group_;
  return spec;
}

void Capistrano::commit_release(const std::string& plugin, const DaemonSpec& spec) {
  const Scratch release;
  fs::create_directory(release / "config");
  fs::create_directory(release / "plugins");
  write_file(release / "config/moult.yaml", spec.yaml());
  write_file(release / "plugins/ledger.so", plugin);
  target_.commit(release.path());
}

void Capistrano::commit(const std::string& version, const DaemonSpec& spec) {
  commit_release(read_file(MOULT_DEPLOY_PLUGINS "/ledger_" + version + ".so"), spec);
}

void Capistrano::commit_that_needs_a_restart() {
  DaemonSpec changed = release_spec();
  changed.options["commit_interval"] = "300ms";
  commit("2", changed);
}

void Capistrano::commit_broken() { commit_release("half a plugin", release_spec()); }

Finished Capistrano::cap(const std::string& task, const std::string& settings) const {
  return target_.cap(task, settings);
}

void Capistrano::begin() {
  make_topic(4);
  commit("1", release_spec());
  const Finished first = cap("deploy");
  ASSERT_EQ(first.status, 0) << first.out << first.errors;
  ASSERT_TRUE(wait_stable(1));
  generations_ = cluster_.generations(group_);
  traffic_ = std::make_unique<SteadyTraffic>(producer_, topic_, partitions_, kPerSecond);
  ASSERT_TRUE(wait_version("1"));
}

bool Capistrano::wait_version(const std::string& version) {
  const auto handled = [&] {
    return std::ranges::count_if(ledger_.read(), [&](const Entry& entry) {
      return entry.event == Event::kRecord && entry.lane.tag == version;
    });
  };
  const auto before = handled();
  return eventually([&] { return handled() > before + 1'000; }, kLong, kLook);
}

/// A record that came twice would end this too early, and then be counted.
bool Capistrano::wait_traffic_handled() {
  return eventually([&] { return ledger_.count(Event::kRecord) >= producer_.produced().size(); },
                    kLong, kLook);
}

void Capistrano::print(const std::string& what) {
  fmt::print("{} at {:.0f} records/s: {}, {} rebalances, {} duplicates\n", what, traffic_->rate(),
             journey_of(*traffic_, ledger_.read()).to_string(),
             cluster_.generations(group_) - generations_, duplicated(ledger_.read()).size());
}

void Capistrano::finish(const std::string& what) {
  traffic_->end();
  EXPECT_GE(traffic_->rate(), 5'000);
  ASSERT_TRUE(wait_traffic_handled());
  print(what);
  EXPECT_EQ(cluster_.generations(group_), generations_) << "no rebalance";
  expect_no_duplicates();
  EXPECT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  expect_complete_with_rollbacks();
}

void Capistrano::finish_restarted(const std::string& what) {
  traffic_->end();
  EXPECT_GE(traffic_->rate(), 5'000);
  ASSERT_TRUE(wait_traffic_handled());
  print(what);
  EXPECT_GT(cluster_.generations(group_), generations_) << "a stop and a start are rebalances";
  EXPECT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  expect_complete_with_rollbacks();
}

bool Capistrano::service_is(const std::string& state) const {
  return target_.machine().shell("systemctl is-active moult").out == state + "\n";
}

}  // namespace moult::testing
