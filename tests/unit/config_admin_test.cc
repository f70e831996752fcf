// The `admin` section, and where the socket is.
#include "runtime/config/admin_socket_place.h"
#include "tests/unit/config_fixture.h"

namespace moult {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr uid_t kUser = 1'000;

class ConfigAdminTest : public ConfigTest {
 protected:
  std::optional<std::filesystem::path> place(const AdminConfig& admin,
                                             const std::string& file = "/etc/moult.yaml") {
    const auto found = admin_socket_place(admin, file, context_.environment, kUser);
    if (!found) return std::nullopt;
    return found->socket;
  }

  std::vector<std::string> candidates(const AdminConfig& admin = {}) {
    std::vector<std::string> paths;
    for (const auto& candidate :
         admin_socket_candidates(admin, "/etc/moult.yaml", context_.environment, kUser)) {
      paths.push_back(candidate.socket.string() + (candidate.guessed ? " guessed" : ""));
    }
    return paths;
  }
};

TEST_F(ConfigAdminTest, ReadsTheSection) {
  const AdminConfig by_default = parse_good(with_handler_lines("")).admin;
  EXPECT_TRUE(by_default.enabled);
  EXPECT_TRUE(by_default.socket.empty());
  EXPECT_EQ(parse_good(with_top_lines("admin: {socket: run/a.sock}\n")).admin.socket,
            "/etc/run/a.sock");
  EXPECT_EQ(parse_good(with_top_lines("admin: {socket: /run/a.sock}\n")).admin.socket,
            "/run/a.sock");
  EXPECT_FALSE(parse_good(with_top_lines("admin: {socket: none}\n")).admin.enabled);
}

TEST_F(ConfigAdminTest, IsStrict) {
  EXPECT_THAT(problems(with_top_lines("admin: {sockt: a}\n")),
              ElementsAre("1:9: unknown key 'sockt' in admin; did you mean 'socket'?"));
  EXPECT_THAT(problems(with_top_lines("admin: {socket: [a]}\n")), Not(IsEmpty()));
  EXPECT_THAT(problems(with_top_lines("admin: {socket: ''}\n")), Not(IsEmpty()));
  EXPECT_THAT(problems(with_top_lines("admin: none\n")), Not(IsEmpty()));
}

TEST_F(ConfigAdminTest, IsDescribed) {
  EXPECT_THAT(describe_config(parse_good(with_handler_lines(""))), Not(HasSubstr("admin")));
  for (const std::string line : {"admin: {socket: none}\n", "admin: {socket: \"/a b/s\"}\n"}) {
    const std::string described = describe_config(parse_good(with_top_lines(line)));
    EXPECT_THAT(described, HasSubstr(line));
    EXPECT_EQ(describe_config(parse_good(described)), described);
  }
}

TEST_F(ConfigAdminTest, TheSocketIsWhereTheFileSays) {
  environment_["RUNTIME_DIRECTORY"] = "/run/orders";
  EXPECT_EQ(place({.enabled = true, .socket = "/a/b"}), "/a/b");
  EXPECT_THAT(candidates({.enabled = true, .socket = "/a/b"}), ElementsAre("/a/b"));
  EXPECT_EQ(place({.enabled = false, .socket = {}}), std::nullopt);
  EXPECT_THAT(candidates({.enabled = false, .socket = {}}), IsEmpty());
}

TEST_F(ConfigAdminTest, TheSocketIsWhereTheEnvironmentSays) {
  const std::string name = admin_config_key("/etc/moult.yaml") + ".sock";
  EXPECT_EQ(place({}), "/tmp/moult-1000/" + name);
  environment_["HOME"] = "/home/shop";
  EXPECT_EQ(place({}), "/home/shop/.cache/moult/" + name);
  environment_["XDG_RUNTIME_DIR"] = "/run/user/1000";
  EXPECT_EQ(place({}), "/run/user/1000/moult/" + name);
  environment_["RUNTIME_DIRECTORY"] = "/run/orders:/run/more";
  EXPECT_EQ(place({}), "/run/orders/admin.sock");
  environment_["RUNTIME_DIRECTORY"] = "";
  EXPECT_EQ(place({}), "/run/user/1000/moult/" + name) << "empty is not set";
}

TEST_F(ConfigAdminTest, WhoAsksLooksInAllOfThem) {
  const std::string name = admin_config_key("/etc/moult.yaml") + ".sock";
  environment_["HOME"] = "/home/shop";
  environment_["XDG_RUNTIME_DIR"] = "/run/user/1000";
  EXPECT_THAT(candidates(),
              ElementsAre("/run/user/1000/moult/" + name, "/home/shop/.cache/moult/" + name,
                          "/tmp/moult-1000/" + name, "/run/moult/admin.sock guessed"));
  environment_["RUNTIME_DIRECTORY"] = "/run/moult";
  EXPECT_EQ(candidates().front(), "/run/moult/admin.sock") << "no guess";
  EXPECT_EQ(candidates().size(), 4U);
}

TEST_F(ConfigAdminTest, EveryFileHasASocketOfItsOwn) {
  EXPECT_NE(admin_config_key("/srv/a/moult.yaml"), admin_config_key("/srv/b/moult.yaml"));
  EXPECT_EQ(admin_config_key("/srv/a/moult.yaml"), admin_config_key("/srv/x/../a/./moult.yaml"));
  EXPECT_EQ(admin_config_key("moult.yaml"),
            admin_config_key(std::filesystem::current_path() / "moult.yaml"));
  // Its value is what an older daemon listens under.
  EXPECT_EQ(admin_config_key("/etc/moult/moult.yaml"), "moult-329a33b7a2899a7d");
  EXPECT_EQ(admin_config_key("/etc/a b\xc3\xa4.yaml").substr(0, 6), "a_b__-");
}

}  // namespace
}  // namespace moult
