#include "tests/deploy/service_fixture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <iostream>
#include <stdexcept>

#include "runtime/base/parts.h"
#include "tests/support/wait.h"

namespace moult::testing {
namespace {

constexpr const char* kUnits = "'moult.service' 'moult@*.service'";

/// A folder that whoever a unit runs as may write to.
void open_to_all(const std::filesystem::path& folder) {
  if (::chmod(folder.c_str(), 0777) != 0) throw std::runtime_error("chmod failed");
}

}  // namespace

Site::Site() : machine({files.path().string() + ":/srv/test"}) {
  open_to_all(files.path());
  install_packages(machine);
  machine.output("mkdir -p /opt/orders/plugins");
  machine.put(MOULT_STOP_THREAD, "/root/stop_thread");
}

Site& Site::shared() {
  static Site site;
  return site;
}

Service::Service() : site_(Site::shared()), machine_(site_.machine) {
  ledger_ = Ledger(path_here("ledger"));
  override_unit({});
  deploy(MOULT_LEDGER);
  // Not a cursor: with matches journalctl leaves out the first entry after one.
  began_ = trimmed(machine_.output("date +@%s.%6N"));
}

Service::~Service() {
  if (HasFailure()) {
    std::cout << machine_
                     .shell(fmt::format("systemctl status --no-pager --full --lines=0 {}", kUnits))
                     .out
              << journal("--lines=80");
  }
  // Whatever state it is in: the next test begins anew.
  const auto reset = fmt::format(
      "systemctl kill --signal=KILL {0}; systemctl stop {0}; systemctl reset-failed {0}; "
      "rm -rf /var/log/moult/* /etc/moult/*.yaml /etc/moult/*.env",
      kUnits);
  try {
    machine_.shell(reset);
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
}

DaemonSpec Service::inside(const Properties& settings) const {
  DaemonSpec daemon = spec(settings);
  HandlerSpec& its = handler(daemon);
  its.plugin = kPlugin;
  its.settings["ledger"] = path_inside("ledger");
  return daemon;
}

void Service::configure(const DaemonSpec& spec) const {
  std::string yaml = spec.yaml();
  const std::string fixed = "log: {format: text, level: info}\n";
  yaml.erase(yaml.find(fixed), fixed.size());
  machine_.write("/etc/moult/moult.yaml", yaml);
  machine_.output("chown root:moult /etc/moult/moult.yaml; chmod 640 /etc/moult/moult.yaml");
}

void Service::override_unit(const std::vector<std::string>& lines) const {
  for (const char* unit : {"moult.service", "moult@.service"}) {
    const auto folder = fmt::format("/etc/systemd/system/{}.d", unit);
    machine_.output("mkdir -p " + folder);
    machine_.write(folder + "/test.conf", fmt::format("[Service]\nReadWritePaths=/srv/test\n{}\n",
                                                      fmt::join(lines, "\n")));
  }
  machine_.output("systemctl daemon-reload");
}

void Service::deploy(const std::filesystem::path& plugin) const {
  machine_.put(plugin, std::string(kPlugin) + ".new");
  machine_.output(fmt::format("chmod 755 {0}.new; mv {0}.new {0}", kPlugin));
}

int Service::systemctl(const std::string& verb, const std::string& unit) const {
  return machine_.run({"systemctl", verb, unit}).status;
}

std::string Service::property(const std::string& name, const std::string& unit) const {
  return std::string(
      trimmed(machine_.output(fmt::format("systemctl show --property={} --value {}", name, unit))));
}

pid_t Service::main_pid(const std::string& unit) const {
  return std::stoi(property("MainPID", unit));
}

bool Service::wait_property(const std::string& name, const std::string& value,
                            const std::string& unit) const {
  return eventually([&] { return property(name, unit) == value; }, kLong, milliseconds(100));
}

bool Service::wait_status(const std::string& text, const std::string& unit) const {
  return eventually([&] { return property("StatusText", unit).find(text) != std::string::npos; },
                    kLong, milliseconds(100));
}

void Service::stop_service(const std::string& unit) {
  const pid_t pid = main_pid(unit);
  EXPECT_EQ(systemctl("stop", unit), 0);
  EXPECT_EQ(property("Result", unit), "success");
  EXPECT_EQ(property("ExecMainStatus", unit), "0");
  ended_.insert(pid);
}

std::string Service::journal(const std::string& arguments) const {
  return machine_
      .shell(fmt::format("journalctl --sync; "
                         "journalctl --no-pager --quiet --since={} --unit 'moult*' {}",
                         began_, arguments))
      .out;
}

}  // namespace moult::testing
