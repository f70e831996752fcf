// The client of the admin socket, and the commands that use it.
#include <sys/fsuid.h>
#include <sys/prctl.h>

#include <fstream>

#include "runtime/app/commands.h"
#include "runtime/app/exit_code.h"
#include "tests/unit/admin_fixture.h"

namespace moult {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class AdminClientTest : public AdminTest {
 protected:
  static inline const AdminRequest kStatus{.method = "GET", .target = "/status"};
};

TEST_F(AdminClientTest, SaysWhereItLookedForADaemon) {
  auto dead = SocketFile::listen_at(socket_, false);
  ASSERT_TRUE(dead);
  ::close(dead->release_listener());
  const auto response = ask_admin({{folder_ / "none.sock"}, {socket_}}, kStatus, kAdminBound);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().message,
            "no daemon answers; start it with 'moult run', or say where it listens with --socket. "
            "Tried:\n  " +
                (folder_ / "none.sock").string() + ": No such file or directory\n  " +
                socket_.string() + ": Connection refused");
}

TEST_F(AdminClientTest, GoesOnToTheNextPlace) {
  const auto server = serve();
  EXPECT_TRUE(ask_admin({{folder_ / "none.sock"}, {socket_}}, kStatus, kAdminBound));
}

TEST_F(AdminClientTest, GivesUpInTime) {
  const auto server = serve();
  const auto response = ask("/slow", "", milliseconds(50));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().message, socket_.string() + ": no answer within 50 ms");
}

/// For root on a thread that permissions hold for: there they are a thread's own.
template <typename Work>
auto as_nobody(const Work& work) {
  constexpr uid_t kNobody = 65534;
  auto done = std::async(std::launch::async, [&] {
    if (::geteuid() == 0) ::setfsuid(kNobody);
    return work();
  });
  auto result = done.get();
  ::prctl(PR_SET_DUMPABLE, 1);  // which setfsuid() took from the process
  return result;
}

TEST_F(AdminClientTest, SaysThatItMayNot) {
  const auto server = serve();
  std::filesystem::permissions(folder_, std::filesystem::perms::all);
  std::filesystem::permissions(socket_, std::filesystem::perms::none);
  const auto response = as_nobody([this] { return ask("/status"); });
  ASSERT_FALSE(response);
  EXPECT_THAT(response.error().message, StartsWith("permission denied; ask as root"));
}

TEST_F(AdminClientTest, TheDaemonMayDieBeforeItAnswers) {
  auto file = SocketFile::listen_at(socket_, false);
  ASSERT_TRUE(file);
  auto asked = std::async(std::launch::async, [this] { return ask("/status"); });
  const UniqueFd listener(file->release_listener());
  pollfd fd{listener.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&fd, 1, 20'000), 1);
  UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)).reset();
  const auto response = asked.get();
  ASSERT_FALSE(response);
  EXPECT_THAT(response.error().message, StartsWith(socket_.string() + ": "));
}

/// What a command prints and its exit code, through the whole command line.
class AdminCommandTest : public AdminTest {
 protected:
  struct Ran {
    int code = 0;
    std::string out;
    std::string errors;
  };

  Ran run(std::vector<std::string> arguments) {
    std::vector<char*> argv;
    arguments.insert(arguments.begin(), "moult");
    argv.reserve(arguments.size());
    for (std::string& argument : arguments) argv.push_back(argument.data());
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code = run_command_line(static_cast<int>(argv.size()), argv.data());
    std::fflush(stdout);
    std::string out = ::testing::internal::GetCapturedStdout();
    return {code, std::move(out), ::testing::internal::GetCapturedStderr()};
  }

  /// Every request is answered with `response`, and kept.
  std::unique_ptr<AdminServer> answering(const AdminResponse& response) {
    auto server = AdminServer::open(
        {.socket = socket_},
        [this, response](const AdminRequest& request, const AdminReply& reply) {
          asked_ = request.method + " " + request.target + " " + request.body;
          reply(response);
        },
        log());
    EXPECT_TRUE(server) << server.error().message;
    return server ? std::move(*server) : nullptr;
  }

  std::vector<std::string> with_socket(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--socket", socket_.string()});
    return arguments;
  }

  std::string asked_;  // read when the command has its answer
};

TEST_F(AdminCommandTest, ReloadIsTruthful) {
  auto server = answering({200, R"({"ok":true,"text":"orders: generation 2 in 3 lanes"})"});
  const Ran good = run(with_socket({"reload", "orders", "--force", "--timeout", "90s"}));
  EXPECT_EQ(good.code, kExitOk);
  EXPECT_EQ(good.out, "orders: generation 2 in 3 lanes\n");
  EXPECT_EQ(good.errors, "");
  EXPECT_EQ(asked_, R"(POST /reload {"handlers":["orders"],"force":true,"timeout_ms":90000})");
  server.reset();

  for (const AdminResponse& bad : {AdminResponse{200, R"({"ok":false,"text":"refused"})"},
                                   AdminResponse{409, R"({"ok":true,"text":"refused"})"},
                                   AdminResponse{500, R"({"ok":false,"text":"refused"})"}}) {
    server = answering(bad);
    const Ran ran = run(with_socket({"reload"}));
    EXPECT_EQ(ran.code, kExitFailed);
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(ran.errors, "refused\n");
    EXPECT_EQ(run(with_socket({"reload", "--json"})).out, bad.body + "\n");
    EXPECT_EQ(run(with_socket({"reload", "--json"})).code, kExitFailed);
    server.reset();
  }
  for (const std::string strange : {"", "[]", "hello", R"({"ok":1})", R"({"text":"ok"})"}) {
    server = answering({200, strange});
    EXPECT_EQ(run(with_socket({"reload"})).code, kExitFailed) << strange;
    server.reset();
  }
  EXPECT_EQ(run(with_socket({"reload"})).code, kExitFailed) << "no daemon";
}

TEST_F(AdminCommandTest, ReloadTakesDurationsOfTheConfiguration) {
  EXPECT_EQ(run(with_socket({"reload", "--timeout", "90"})).code, kExitUsage);
  EXPECT_EQ(run(with_socket({"reload", "--timeout", "0ms"})).code, kExitUsage);
  EXPECT_EQ(run(with_socket({"reload", "--timeout", "25h"})).code, kExitUsage);
}

TEST_F(AdminCommandTest, TheOthersAskForWhatTheySay) {
  const auto server = answering({200, R"({"ok":true,"text":"done"})"});
  EXPECT_EQ(run(with_socket({"pause", "orders", "mails"})).code, kExitOk);
  EXPECT_EQ(asked_, R"(POST /pause {"names":["orders","mails"]})");
  EXPECT_EQ(run(with_socket({"resume"})).code, kExitOk);
  EXPECT_EQ(asked_, R"(POST /resume {"names":[]})");
  EXPECT_EQ(run(with_socket({"quiet"})).code, kExitOk);
  EXPECT_EQ(asked_, "POST /quiet {}");
  EXPECT_EQ(run(with_socket({"rollback", "orders"})).code, kExitOk);
  EXPECT_EQ(asked_, R"(POST /rollback {"handler":"orders"})");
  EXPECT_EQ(run(with_socket({"rollback"})).code, kExitUsage);
}

TEST_F(AdminCommandTest, HealthIsAnExitStatus) {
  auto server = answering({200, R"({"live":true,"ready":true,"reasons":[]})"});
  EXPECT_EQ(run(with_socket({"health"})).code, kExitOk);
  EXPECT_EQ(asked_, "GET /health ");
  server.reset();
  server = answering({200, R"({"live":true,"ready":false,"reasons":["a lane\u001b[2J stopped"]})"});
  const Ran unready = run(with_socket({"health"}));
  EXPECT_EQ(unready.code, kExitFailed);
  EXPECT_EQ(unready.out, "live, not ready\na lane\\u001b[2J stopped\n");
  EXPECT_EQ(run(with_socket({"health", "--live"})).code, kExitOk);
  server.reset();
  server = answering({200, R"({"live":false,"ready":true,"reasons":[]})"});
  EXPECT_EQ(run(with_socket({"health", "--live"})).code, kExitFailed);
  server.reset();
  server = answering({503, R"({"ok":false,"text":"the daemon is stopping"})"});
  const Ran stopping = run(with_socket({"health", "--live"}));
  EXPECT_EQ(stopping.code, kExitFailed);
  EXPECT_EQ(stopping.errors, "the daemon is stopping\n");
}

TEST_F(AdminCommandTest, FindsTheDaemonByItsConfiguration) {
  const auto config = folder_ / "moult.yaml";
  // Only the section counts: what else is wrong, or unset here, is the daemon's business.
  std::ofstream(config) << "admin: {socket: admin.sock}\nkafka: {a: '${NOT_SET_HERE}'}\nwrong: 1\n";
  const auto server = answering({200, R"({"ok":true,"text":"done"})"});
  EXPECT_EQ(run({"quiet", "--config", config.string()}).code, kExitOk);

  std::ofstream(config) << "admin: {socket: none}\n";
  const Ran off = run({"quiet", "--config", config.string()});
  EXPECT_EQ(off.code, kExitFailed);
  EXPECT_THAT(off.errors, HasSubstr("has no admin socket"));

  std::ofstream(config) << "admin: {sockt: none}\n";
  const Ran wrong = run({"quiet", "--config", config.string()});
  EXPECT_EQ(wrong.code, kExitFailed);
  EXPECT_THAT(wrong.errors, AllOf(HasSubstr("no daemon answers"), HasSubstr("'sockt'")));
}

}  // namespace
}  // namespace moult
