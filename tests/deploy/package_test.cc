// The packages on a clean machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/deploy/service_fixture.h"

namespace moult::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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
