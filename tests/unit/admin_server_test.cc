// The admin socket's server, over real sockets.
#include <fcntl.h>

#include <atomic>
#include <thread>

#include "tests/unit/admin_fixture.h"

namespace moult {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class AdminServerTest : public AdminTest {};

TEST_F(AdminServerTest, AnswersWhatTheHandlerSays) {
  const auto server = serve();
  const auto response = ask("/pause", R"({"names":[]})");
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "POST /pause {\"names\":[]}\n");
}

TEST_F(AdminServerTest, AHandlerMayRefuse) {
  auto server = AdminServer::open(
      {.socket = socket_},
      [](const auto&, const auto& reply) {
        reply({409, "{}"});
      },
      log());
  ASSERT_TRUE(server);
  EXPECT_EQ(ask("/reload")->status, 409);
}

TEST_F(AdminServerTest, KnowsWhoAsks) {
  PeerCredentials peer;
  auto server = AdminServer::open(
      {.socket = socket_},
      [&](const AdminRequest& request, const AdminReply& reply) {
        peer = request.peer;
        reply({});
      },
      log());
  ASSERT_TRUE(server);
  ASSERT_TRUE(ask("/pause"));
  server->reset();
  EXPECT_EQ(peer.pid, ::getpid());
  EXPECT_EQ(peer.uid, ::geteuid());
  EXPECT_EQ(peer.gid, ::getegid());
}

TEST_F(AdminServerTest, LogsWhoChangesSomething) {
  auto server = serve();
  ASSERT_TRUE(ask_admin({{socket_}}, {.method = "GET", .target = "/status"}, kAdminBound));
  ASSERT_TRUE(ask("/quiet"));
  server.reset();
  const std::string who =
      "uid=" + std::to_string(::geteuid()) + " pid=" + std::to_string(::getpid());
  EXPECT_THAT(sink_.lines(),
              ::testing::ElementsAre("info: admin request method=POST target=/quiet " + who));
}

TEST_F(AdminServerTest, ASlowRequestHoldsUpNoOther) {
  const auto server = serve();
  auto slow = ask_slowly();
  const auto replies = await_slow(1);
  for (int round = 0; round < 20; ++round) ASSERT_TRUE(ask("/status"));
  ASSERT_EQ(slow.wait_for(milliseconds(0)), std::future_status::timeout);
  // From another thread than the server's.
  replies.at(0)({200, "late"});
  EXPECT_EQ(slow.get()->body, "late\n");
}

TEST_F(AdminServerTest, OnlyTheFirstReplyCounts) {
  const auto server = serve();
  auto slow = ask_slowly();
  const auto reply = await_slow(1).at(0);
  reply({200, "first"});
  reply({500, "second"});
  EXPECT_EQ(slow.get()->body, "first\n");
}

TEST_F(AdminServerTest, AForgottenReplyIsAnError) {
  const auto server = serve();
  auto slow = ask_slowly();
  await_slow(1).clear();
  EXPECT_EQ(slow.get()->status, 500);
}

TEST_F(AdminServerTest, RefusesATooLargeBody) {
  const auto server = serve();
  EXPECT_EQ(ask("/reload", std::string(64UL * 1024, 'x'))->status, 200);
  EXPECT_EQ(ask("/reload", std::string(64UL * 1024 + 1, 'x'))->status, 413);
  EXPECT_EQ(ask("/reload", std::string(4UL * 1024 * 1024, 'x'))->status, 413);
  EXPECT_EQ(ask("/" + std::string(64UL * 1024, 'x'))->status, 431);
}

TEST_F(AdminServerTest, AnswersGarbage) {
  const auto server = serve();
  for (const std::string& garbage :
       {std::string("\x16\x03\x01\x02\x00\x01", 6), std::string("GET\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        std::string("\0\0\0\r\n", 5)}) {
    const UniqueFd socket = connect();
    send(socket, garbage);
    ::shutdown(socket.get(), SHUT_WR);
    const std::string answer = receive(socket);
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 400 ")) << answer;
  }
  const UniqueFd socket = connect();
  send(socket, "HELLO MOULT\r\n\r\n");
  EXPECT_THAT(receive(socket), AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr("\"ok\":false")));
  EXPECT_TRUE(ask("/status"));
}

TEST_F(AdminServerTest, AClientThatHasClosedItsOwnDirectionIsAnswered) {
  const auto server = serve();
  const UniqueFd socket = connect();
  send(socket, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  ::shutdown(socket.get(), SHUT_WR);
  const auto replies = await_slow(1);
  ASSERT_TRUE(ask("/status")) << "its half close was seen";
  replies.at(0)({200, "late"});
  EXPECT_THAT(receive(socket), HasSubstr("late"));
}

TEST_F(AdminServerTest, ServesSixtyFourAndLetsTheNextOnesWait) {
  const auto server = serve();
  std::vector<UniqueFd> all;
  for (int count = 0; count < 64; ++count) {
    all.push_back(connect());
    send(all.back(), "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  auto replies = await_slow(64);
  const UniqueFd next = connect();
  send(next, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  pollfd fd{next.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&fd, 1, 50), 0) << "served beyond the bound";
  replies.at(7)({200, "done"});
  EXPECT_THAT(receive(all[7]), HasSubstr("done"));
  EXPECT_THAT(receive(next), HasSubstr("GET /next"));
}

TEST_F(AdminServerTest, AClientThatLeftFreesItsPlace) {
  const auto server = serve({.socket = socket_, .max_connections = 1});
  UniqueFd gone = connect();
  send(gone, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto replies = await_slow(1);
  gone.reset();
  const auto response = ask("/status");
  ASSERT_TRUE(response) << response.error().message;
  replies.at(0)({200, "nobody is there"});
  EXPECT_TRUE(ask("/status"));
}

TEST_F(AdminServerTest, EndsAConnectionThatSaysNothing) {
  const auto server = serve({.socket = socket_, .idle_timeout = milliseconds(1'000)});
  const UniqueFd silent = connect();
  const UniqueFd half = connect();
  send(half, "GET /status HTT");
  EXPECT_EQ(receive(silent), "");
  EXPECT_EQ(receive(half), "");
}

TEST_F(AdminServerTest, WaitingForTheDaemonIsNotIdle) {
  const auto server = serve({.socket = socket_, .idle_timeout = milliseconds(1'000)});
  auto slow = ask_slowly();
  const auto replies = await_slow(1);
  const UniqueFd silent = connect();
  EXPECT_EQ(receive(silent), "") << "came after, and its time has passed";
  replies.at(0)({200, "late"});
  EXPECT_EQ(slow.get()->body, "late\n");
}

TEST_F(AdminServerTest, WhatIsPendingAtTheEndIsAnswered) {
  auto server = serve();
  auto slow = ask_slowly();
  const UniqueFd silent = connect();
  const auto replies = await_slow(1);
  server.reset();
  const auto response = slow.get();
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(receive(silent), "");
  replies.at(0)({200, "too late"});  // touches nothing
  EXPECT_FALSE(std::filesystem::exists(socket_));
}

TEST_F(AdminServerTest, AClientThatDoesNotReadHoldsTheEndUpForAMomentOnly) {
  auto server = AdminServer::open(
      {.socket = socket_},
      [](const auto&, const auto& reply) {
        reply({200, std::string(8U << 20, 'x')});
      },
      log());
  ASSERT_TRUE(server);
  const UniqueFd socket = connect();
  send(socket, "GET /status HTTP/1.1\r\nHost: x\r\n\r\n");
  std::array<char, 1> first{};
  ASSERT_EQ(::recv(socket.get(), first.data(), 1, 0), 1);
  const auto begin = std::chrono::steady_clock::now();
  server->reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kAdminBound / 2);
}

TEST_F(AdminServerTest, OnlyItsUserAndGroupMayConnect) {
  const auto server = serve();
  const auto mode = std::filesystem::status(socket_).permissions();
  EXPECT_EQ(static_cast<unsigned>(mode), 0660U);
}

TEST_F(AdminServerTest, MakesItsFolder) {
  const auto mode = [](const std::filesystem::path& path) {
    return static_cast<unsigned>(std::filesystem::status(path).permissions());
  };
  const auto public_one = serve({.socket = folder_ / "a/run/admin.sock"});
  EXPECT_EQ(mode(folder_ / "a/run"), 0755U);
  const auto private_one =
      serve({.socket = folder_ / "b/moult/admin.sock", .private_folder = true});
  EXPECT_EQ(mode(folder_ / "b/moult"), 0700U);
}

TEST_F(AdminServerTest, APrivateFolderIsNobodyElses) {
  std::filesystem::create_directory(folder_ / "open");
  std::filesystem::permissions(folder_ / "open", std::filesystem::perms::all);
  const auto server = AdminServer::open(
      {.socket = folder_ / "open/admin.sock", .private_folder = true}, handler(), log());
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error().message, HasSubstr("nobody else may write to"));
}

TEST_F(AdminServerTest, TakesThePlaceOfADeadDaemon) {
  {
    // What kill -9 leaves: a socket file without a listener, a lock file without a lock.
    auto dead = SocketFile::listen_at(socket_, false);
    ASSERT_TRUE(dead);
    std::filesystem::create_hard_link(socket_, folder_ / "kept");
    std::filesystem::create_hard_link(socket_.string() + ".lock", folder_ / "kept.lock");
  }
  std::filesystem::rename(folder_ / "kept", socket_);
  std::filesystem::rename(folder_ / "kept.lock", socket_.string() + ".lock");
  ASSERT_TRUE(std::filesystem::is_socket(socket_));
  const auto server = serve();
  EXPECT_TRUE(ask("/status"));
}

TEST_F(AdminServerTest, DoesNotTakeThePlaceOfALivingOne) {
  auto first = serve();
  const auto second = AdminServer::open({.socket = socket_}, handler(), log());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, socket_.string() + ": another moult listens there (pid " +
                                        std::to_string(::getpid()) +
                                        "); stop it, or set another place as admin.socket");
  EXPECT_TRUE(ask("/status")) << "the first goes on";
  first.reset();
  EXPECT_THAT(std::filesystem::directory_iterator(folder_), std::filesystem::directory_iterator())
      << "the last one tidies up";
  const auto third = serve();
}

TEST_F(AdminServerTest, OfDaemonsThatComeAndGoAtOnceOneHasTheSocket) {
  std::atomic<int> holders = 0;
  std::atomic<int> held = 0;
  const auto come_and_go = [&] {
    for (int attempt = 0; attempt < 1'000; ++attempt) {
      auto file = SocketFile::listen_at(socket_, false);
      if (!file) continue;
      EXPECT_EQ(holders.fetch_add(1), 0);
      EXPECT_TRUE(connect_to_socket(socket_, kAdminBound));
      ++held;
      holders.fetch_sub(1);
    }
  };
  {
    std::vector<std::jthread> daemons;
    daemons.reserve(4);
    for (int daemon = 0; daemon < 4; ++daemon) daemons.emplace_back(come_and_go);
  }
  EXPECT_GT(held, 0);
}

TEST_F(AdminServerTest, LeavesAloneWhatIsNoDeadDaemons) {
  const int file = ::open(socket_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  ::close(file);
  const auto on_a_file = AdminServer::open({.socket = socket_}, handler(), log());
  ASSERT_FALSE(on_a_file);
  EXPECT_THAT(on_a_file.error().message, HasSubstr("is no socket"));
  EXPECT_TRUE(std::filesystem::is_regular_file(socket_));

  std::filesystem::remove(socket_);
  auto other = SocketFile::listen_at(folder_ / "other", false);
  ASSERT_TRUE(other);
  std::filesystem::create_hard_link(folder_ / "other", socket_);
  const auto on_a_stranger = AdminServer::open({.socket = socket_}, handler(), log());
  ASSERT_FALSE(on_a_stranger);
  EXPECT_THAT(on_a_stranger.error().message, HasSubstr("another program listens there"));
  EXPECT_TRUE(std::filesystem::is_socket(socket_));
}

TEST_F(AdminServerTest, SaysThatAPathIsTooLong) {
  const auto path = folder_ / std::string(100, 'x');
  const auto server = AdminServer::open({.socket = path}, handler(), log());
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error().message,
              AllOf(HasSubstr("too long for a unix socket"), HasSubstr("at most 107")));
}

TEST_F(AdminServerTest, TheDaemonOfAnotherConfigurationIsNotMeant) {
  const auto server = serve({.socket = socket_, .config_key = "orders-1"});
  const AdminRequest request{.method = "GET", .target = "/status"};
  EXPECT_TRUE(ask_admin({{socket_, "orders-1"}}, request, kAdminBound));
  EXPECT_TRUE(ask_admin({{socket_, ""}}, request, kAdminBound));
  const auto other = ask_admin({{socket_, "orders-2"}}, request, kAdminBound);
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("that daemon runs another configuration"));
}

}  // namespace
}  // namespace moult
