// The packages on a clean machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "tests/deploy/service_fixture.h"

namespace moult::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Links of installed pages to files that are not there.
constexpr const char* kDeadLinks = R"(cd /usr/share/doc/moult && find . -name '*.md' |
while read -r page; do
  grep -oE '\]\([^)]+' "$page" | sed 's/^](//; s/#.*//' | grep -v '^https\?:' | while read -r to; do
    [ -e "$(dirname "$page")/$to" ] || echo "$page: $to"
  done
done)";

/// The line of the page that checks the configuration, as it stands there.
std::string check_of_the_page() {
  std::istringstream page(read_file(MOULT_SOURCE_DIR "/config/systemd/README.md"));
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("sudo ") && line.ends_with("moult check")) return line;
  }
  return "echo 'the page has no such line'; false";
}

TEST(Package, InstallsWhatAServiceNeedsAndTakesItAllAway) {
  const Machine machine;
  install_packages(machine);
  EXPECT_THAT(machine.output("getent passwd moult"), HasSubstr("/usr/sbin/nologin"));
  EXPECT_EQ(machine.output("stat -c '%U:%G %a' /etc/moult"), "root:moult 750\n");
  EXPECT_THAT(machine.output("runuser -u moult -- moult version"), HasSubstr("moult 0."));
  EXPECT_EQ(machine.shell("dpkg --verify moult moult-sdk").out, "") << "nothing was changed after";
  EXPECT_THAT(machine.shell("systemctl is-enabled moult").out, HasSubstr("disabled"))
      << "there is no configuration yet";
  EXPECT_EQ(machine.shell("moult check --config /etc/moult/moult.yaml.example").status, 78)
      << "an example: its plugin is not there";
  EXPECT_EQ(machine.output("stat -c '%U:%G %a' /var/lib/moult"), "moult:moult 700\n");
  EXPECT_EQ(machine.output(kDeadLinks), "");
  for (const char* unit : {"moult", "moult@a"}) {
    machine.output(std::string("test -f \"$(systemctl show -P Documentation ") + unit +
                   " | sed 's/^file://')\"");
  }

  machine.output("systemctl enable moult moult@a moult@b");
  machine.output("dpkg --purge moult moult-sdk");
  EXPECT_EQ(
      machine.shell("find / -xdev -path /proc -prune -o -name '*moult*' -print | grep -v '^/root/'")
          .out,
      "");
}

/// Has to find its own librdkafka, and no other program is to find that one.
TEST(Package, LibrdkafkaIsTheOneThatItWasBuiltWith) {
  const Machine& machine = Site::shared().machine;
  const std::string built = run_to_end({MOULT_BINARY, "version"}, Machine::kPatience).out;
  EXPECT_EQ(machine.output("moult version"), built);
  EXPECT_THAT(machine.output("ldconfig -p"), Not(HasSubstr("/usr/lib/moult/")));
}

TEST_F(Service, ThePagesCheckHasTheUserAndTheVariablesOfTheDaemon) {
  DaemonSpec spec = inside();
  const std::string brokers = spec.kafka["bootstrap.servers"];
  spec.kafka["bootstrap.servers"] = "'${ORDERS_BROKERS}'";
  configure(spec);
  const Finished without = machine_.shell(check_of_the_page());
  EXPECT_EQ(without.status, 78);
  EXPECT_THAT(without.out + without.errors, HasSubstr("ORDERS_BROKERS"));
  machine_.write("/etc/moult/moult.env", "ORDERS_BROKERS=" + brokers + "\n");
  const Finished with = machine_.shell(check_of_the_page());
  EXPECT_EQ(with.status, 0) << with.out << with.errors;
  // The other way that the page has.
  configure(inside());
  const Finished by_hand = machine_.shell("sudo -u moult moult check");
  EXPECT_EQ(by_hand.status, 0) << by_hand.out << by_hand.errors;
}

class Sdk : public Service {};

TEST_F(Sdk, APluginBuiltInsideIsDeployedAndReplacedByItsNextVersion) {
  const auto build = [this](const std::string& version) {
    machine_.output(
        "cd /root/handler && sed -i 's/\"[0-9.]*\");$/\"" + version +
        "\");/' handler.cc && cmake -S . -B build >log 2>&1 && cmake --build build >>log 2>&1 && "
        "install -D build/handler.so /opt/orders/plugins/handler.so.new && "
        "mv /opt/orders/plugins/handler.so.new /opt/orders/plugins/handler.so");
  };
  machine_.output("rm -rf /root/handler && cp -R /usr/share/Moult/template /root/handler");
  build("1.0.0");
  EXPECT_EQ(machine_.shell("moult plugins verify /opt/orders/plugins/handler.so").status, 0);

  make_topic(2);
  DaemonSpec spec = inside();
  handler(spec).plugin = "/opt/orders/plugins/handler.so";
  handler(spec).settings.clear();
  configure(spec);
  ASSERT_EQ(systemctl("start"), 0);
  send(100);
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));

  build("1.1.0");
  EXPECT_EQ(systemctl("reload"), 0);
  EXPECT_THAT(machine_.output("moult status"), HasSubstr("1.1.0"));
  send(100);
  ASSERT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
  stop_service();
}

TEST_F(Service, AnUpgradeOfThePackageRestartsWhatRuns) {
  make_topic(2);
  configure(inside());
  ASSERT_EQ(systemctl("start"), 0);
  const pid_t before = main_pid();
  install_packages(machine_);
  EXPECT_EQ(main_pid(), before) << "the same version: apt installs nothing";
  machine_.output("dpkg --install /root/moult_*.deb");
  EXPECT_EQ(property("ActiveState"), "active");
  EXPECT_NE(main_pid(), before);
  send(100);
  ASSERT_TRUE(wait_all_handled());
  stop_service();
}

}  // namespace
}  // namespace moult::testing
