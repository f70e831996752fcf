#include "tests/unit/config_fixture.h"

namespace moult {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ConfigDescribeTest : public ConfigTest {};

TEST_F(ConfigDescribeTest, ShowsTheEffectiveConfiguration) {
  environment_["PREFIX"] = "blue.";
  const Config config =
      parse_good(with_top_lines("topic_prefix: ${PREFIX}\n"
                                "commit_interval: 1500ms\n"
                                "log: {levels: {kafka: debug}}\n"));
  EXPECT_EQ(describe_config(config), R"(plugins_manifest: optional
commit_interval: 1500ms
drain_deadline: 25s
revoke_deadline: 10s
soak: 5m
memory_budget: 256MiB
log:
  format: auto
  level: info
  levels:
    kafka: debug
consumers:
  - group: "blue.orders"
    kafka:
      "bootstrap.servers": "localhost:9092"
    handlers:
      - name: "orders"
        plugin: "/etc/orders.so"
        topics: ["blue.orders.created"]
        batch: {max_records: 500, max_bytes: 1MiB, linger: 0ms}
        ordering: partition
        workers: 1
        retry: {max_attempts: unlimited, backoff: 1s, backoff_max: 30s}
        deadline: 5m
        on_deadline: report
        settings: {}
)");
}

TEST_F(ConfigDescribeTest, ShowsWhatAHandlerChose) {
  const std::string described = describe_config(
      parse_good("topic_prefix: blue.\n" + with_handler_lines("        ordering: key\n"
                                                              "        key: /user/id\n"
                                                              "        where: /event == \"a\"\n"
                                                              "        dead_letter: orders.dlq\n"
                                                              "        on_deadline: exit\n"
                                                              "        canary: {share: 10%}\n")));
  EXPECT_THAT(described, HasSubstr(R"(        ordering: key
        key: "/user/id"
        max_slots: 64
        where: "/event == \"a\""
        workers: 1
        retry: {max_attempts: 4, backoff: 1s, backoff_max: 30s}
        dead_letter: "blue.orders.dlq"
        deadline: 5m
        on_deadline: exit
        canary: {share: 10%, for: 30s, max_failures: 0%, max_slowdown: 3}
)"));
}

TEST_F(ConfigDescribeTest, LoadsAgainAsTheSame) {
  const std::string described = describe_config(parse_good(
      "staging_path: \"/a b/$$\"\n"
      "log: {format: text, level: trace}\n"
      "kafka: {bootstrap.servers: \"b\", client.id: \"$${X} \\\" \\n \\u00e9\"}\n"
      "consumers:\n"
      "  - {group: 'g: #', handlers: [{name: a, plugin: '%.so', topics: ['^a\\.[b]$$', b]}]}\n"
      "  - {group: h, handlers: [{name: b, plugin: b.so, topics: [b],\n"
      "      ordering: key, key: '/a\"~1$$$$', where: '\"/a b\" in [1, \"\\n$$\"]', deadline: 1s,\n"
      "      on_deadline: exit, dead_letter: d, retry: {max_attempts: unlimited}}]}\n"
      "  - {group: i, handlers: [{name: c, plugin: c.so, topics: [b], dead_letter: skip,\n"
      "      ordering: none, max_slots: 7}, {name: d, plugin: d.so, topics: [c],\n"
      "      dead_letter: stop, retry: {max_attempts: 9}}]}\n"));
  EXPECT_EQ(describe_config(parse_good(described)), described);
}

TEST_F(ConfigDescribeTest, ShowsNoSecret) {
  environment_["SECRET"] = "hunter2";
  const std::string described =
      describe_config(parse_good("kafka:\n"
                                 "  bootstrap.servers: b\n"
                                 "  sasl.password: ${SECRET}\n"
                                 "  ssl.key.pem: hunter2\n"
                                 "  sasl.oauthbearer.config: secret=hunter2\n"
                                 "consumers:\n"
                                 "  - group: g\n"
                                 "    kafka: {sasl.jaas.config: hunter2}\n"
                                 "    handlers:\n"
                                 "      - name: a\n"
                                 "        plugin: a.so\n"
                                 "        topics: [a]\n"
                                 "        settings: {database: hunter2}\n"));
  EXPECT_THAT(described, Not(HasSubstr("hunter2")));
  EXPECT_THAT(described, HasSubstr("\"sasl.password\": \"[redacted]\"\n"));
  EXPECT_THAT(described, HasSubstr("\"sasl.jaas.config\": \"[redacted]\"\n"));
  EXPECT_THAT(described, HasSubstr("settings: \"[redacted]\"\n"));
}

}  // namespace
}  // namespace moult
