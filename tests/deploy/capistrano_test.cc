// config/capistrano: a real `cap production deploy` by ssh to a booted machine, under traffic.
#include <fmt/format.h>

#include "tests/deploy/capistrano_fixture.h"

namespace moult::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

/// The machine by another name is a second server, from when `current` is noted. Nothing listens at
/// its port when the release is handed over. (The link is moved by the first alone: it is the same
/// link.)
constexpr const char* kSecondServerDies = R"(
namespace :second do
  host = nil
  task(:comes) { host = server("localhost", user: "deploy", roles: %w[app]) }
  task(:waits) { host.set(:no_release, true) }
  task :dies do
    host.set(:no_release, nil)
    host.set(:ssh_options, { port: 1 })
  end
end
before "moult:note_current", "second:comes"
after "moult:note_current", "second:waits"
before "moult:hand_over", "second:dies"
)";

TEST_F(Capistrano, ADeployHandsOverAndNobodyNotices) {
  begin();
  ASSERT_FALSE(HasFatalFailure());
  const std::string first = target_.current();
  commit("2", release_spec());
  const Finished deploy = cap("deploy");
  ASSERT_EQ(deploy.status, 0) << deploy.out << deploy.errors;
  EXPECT_TRUE(wait_version("2"));
  EXPECT_NE(target_.current(), first);
  finish("deploy by reload");
}

TEST_F(Capistrano, TheGuidesStopAndStartForComparison) {
  begin();
  ASSERT_FALSE(HasFatalFailure());
  commit("2", release_spec());
  const Finished deploy = cap("deploy", R"(# the guide's flow
after "deploy:starting", "guide:stop"
after "deploy:published", "guide:start"
after "deploy:failed", "guide:restart"
namespace :guide do
  %i[start stop restart].each do |verb|
    task(verb) { on(roles(:app)) { execute :sudo, :systemctl, verb, "moult" } }
  end
end
)");
  ASSERT_EQ(deploy.status, 0) << deploy.out << deploy.errors;
  EXPECT_TRUE(wait_version("2"));
  finish_restarted("deploy by stop and start");
}

TEST_F(Capistrano, APluginRefusedAtTheCheckStopsTheDeployBeforeCurrentMoves) {
  begin();
  ASSERT_FALSE(HasFatalFailure());
  // The link itself: one that had moved and gone back would be another.
  const std::string link = target_.machine().output("stat -c %i:%N /opt/orders/current");
  commit_broken();
  const Finished deploy = cap("deploy");
  EXPECT_NE(deploy.status, 0);
  EXPECT_THAT(deploy.out + deploy.errors, HasSubstr("refused by rule elf-magic"));
  EXPECT_EQ(target_.machine().output("stat -c %i:%N /opt/orders/current"), link);
  EXPECT_TRUE(wait_version("1"));
  finish("deploy refused at the check");
}

TEST_F(Capistrano, ARefusedReloadFailsTheDeployAndCurrentGoesBack) {
  begin();
  ASSERT_FALSE(HasFatalFailure());
  const std::string first = target_.current();
  commit_that_needs_a_restart();
  const Finished deploy = cap("deploy");
  EXPECT_NE(deploy.status, 0);
  EXPECT_THAT(deploy.out + deploy.errors, HasSubstr("commit_interval"));
  EXPECT_EQ(target_.current(), first) << "a restart runs what runs now";
  EXPECT_TRUE(service_is("active"));
  // A plugin that nobody checked.
  commit_broken();
  const Finished unchecked = cap("deploy", "set :moult_check, false\n");
  EXPECT_NE(unchecked.status, 0);
  EXPECT_EQ(target_.current(), first);
  EXPECT_TRUE(wait_version("1"));
  EXPECT_THAT(of_event(of_tag(ledger_.read(), "2"), Event::kRecord), IsEmpty()) << "only tried";
  finish("deploys refused at the reload");
}

TEST_F(Capistrano, AServerThatDiesKeepsNoOtherFromGoingBack) {
  begin();
  ASSERT_FALSE(HasFatalFailure());
  const std::string first = target_.current();
  commit("2", release_spec());
  const Finished deploy = cap("deploy", kSecondServerDies);
  EXPECT_NE(deploy.status, 0);
  EXPECT_THAT(deploy.errors,
              ContainsRegex("cap aborted!\n.*localhost.*\nThe way back failed on localhost"));
  EXPECT_EQ(target_.current(), first);
  EXPECT_TRUE(wait_version("1")) << "again";
  EXPECT_THAT(of_event(of_tag(ledger_.read(), "2"), Event::kRecord), Not(IsEmpty()));
  finish("deploy with a server that died");
}

TEST_F(Capistrano, TheWayBackOfARestartIsARestart) {
  begin();
  ASSERT_FALSE(HasFatalFailure());
  const std::string first = target_.current();
  commit_that_needs_a_restart();
  const Finished deploy =
      cap("deploy", std::string(kSecondServerDies) + "set :moult_activate, :restart\n");
  EXPECT_NE(deploy.status, 0);
  EXPECT_EQ(target_.current(), first);
  EXPECT_TRUE(wait_version("1")) << "again";
  finish_restarted("deploy by restart with a server that died");
}

TEST_F(Capistrano, ARollbackPassesOverARefusedReleaseAndNobodyNotices) {
  begin();
  ASSERT_FALSE(HasFatalFailure());
  const std::string first = target_.current();
  commit("2", release_spec());
  ASSERT_EQ(cap("deploy").status, 0);
  const std::string second = target_.current();
  commit_broken();
  ASSERT_NE(cap("deploy").status, 0);
  ASSERT_EQ(target_.current(), second);
  const Finished rollback = cap("deploy:rollback");
  EXPECT_EQ(rollback.status, 0) << rollback.out << rollback.errors;
  EXPECT_EQ(target_.current(), first);
  EXPECT_TRUE(wait_version("1")) << "again";
  finish("deploy, a refused one, and rollback");
}

TEST_F(Capistrano, HasTheGuidesTasksAndQuiet) {
  make_topic(1);
  commit("1", release_spec());
  EXPECT_NE(cap("moult:status").status, 0) << "nothing runs";
  for (const char* task : {"moult:status", "moult:check", "moult:reload"}) {
    const Finished nobody = cap(task, "set :moult_roles, :nobody\n");
    EXPECT_NE(nobody.status, 0) << task;
    EXPECT_THAT(nobody.out + nobody.errors, HasSubstr("no server has the role nobody")) << task;
  }
  ASSERT_EQ(cap("deploy", "set :moult_hooks, false\n").status, 0);
  EXPECT_FALSE(service_is("active")) << "tasks alone";
  EXPECT_EQ(cap("moult:check").status, 0);
  EXPECT_EQ(cap("moult:start").status, 0);
  EXPECT_EQ(cap("moult:status").status, 0);
  ASSERT_TRUE(wait_stable(1));
  const std::string pid = target_.machine().output("systemctl show -P MainPID moult");
  EXPECT_EQ(cap("moult:restart").status, 0);
  EXPECT_NE(target_.machine().output("systemctl show -P MainPID moult"), pid);
  send(100);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_EQ(cap("moult:quiet").status, 0);
  EXPECT_TRUE(eventually(
      [&] {
        return target_.machine().shell("journalctl -u moult -o cat").out.find("quiet") !=
               std::string::npos;
      },
      kLong, milliseconds(200)));
  EXPECT_EQ(cap("moult:stop").status, 0);
  EXPECT_FALSE(service_is("active"));
  EXPECT_EQ(target_.machine().output("systemctl show -P ExecMainStatus moult"), "0\n");
}

}  // namespace
}  // namespace moult::testing
