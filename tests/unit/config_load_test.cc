#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "runtime/config/problems.h"
#include "tests/unit/config_fixture.h"

namespace moult {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

class ConfigLoadTest : public ConfigTest {};

TEST_F(ConfigLoadTest, TheSmallestFileHasTheDefaults) {
  const Config config = parse_good(with_handler_lines(""));
  EXPECT_EQ(config.file, "/etc/moult.yaml");
  EXPECT_TRUE(config.staging_path.empty());
  EXPECT_EQ(config.commit_interval, 1s);
  EXPECT_EQ(config.drain_deadline, 25s);
  EXPECT_EQ(config.revoke_deadline, 10s);
  EXPECT_EQ(config.memory_budget, 256U << 20);
  EXPECT_EQ(config.log.format, LogFormat::kAuto);
  EXPECT_EQ(config.log.level, Severity::kInfo);
  ASSERT_THAT(config.consumers, SizeIs(1));
  EXPECT_EQ(config.consumers[0].group, "orders");
  ASSERT_THAT(config.consumers[0].handlers, SizeIs(1));
  EXPECT_EQ(config.consumers[0].handlers[0].place.line, 6);
  EXPECT_EQ(config.consumers[0].handlers[0].place.column, 9);
}

TEST_F(ConfigLoadTest, ReadsTheTopLevel) {
  const Config config =
      parse_good(with_top_lines("staging_path: /var/cache/moult\n"
                                "commit_interval: 5s\n"
                                "drain_deadline: 1m\n"
                                "revoke_deadline: 0ms\n"
                                "memory_budget: 1024GiB\n"));
  EXPECT_EQ(config.staging_path, "/var/cache/moult");
  EXPECT_EQ(config.commit_interval, 5s);
  EXPECT_EQ(config.drain_deadline, 1min);
  EXPECT_EQ(config.revoke_deadline, 0s);
  EXPECT_EQ(config.memory_budget, 1ULL << 40);
}

TEST_F(ConfigLoadTest, ReadsWhosePluginsAreTrusted) {
  const Config by_default = parse_good(with_handler_lines(""));
  EXPECT_EQ(by_default.plugin_trust.owner, std::nullopt);
  EXPECT_FALSE(by_default.plugin_trust.manifest_required);
  const Config config =
      parse_good(with_top_lines("plugins_owner: root\nplugins_manifest: required\n"));
  EXPECT_EQ(config.plugin_trust.owner, 0U);
  EXPECT_TRUE(config.plugin_trust.manifest_required);
  EXPECT_EQ(config.consumers[0].handlers[0].plugin_trust.owner, 0U) << "every handler's";
  EXPECT_TRUE(config.consumers[0].handlers[0].plugin_trust.manifest_required);
  EXPECT_EQ(parse_good(with_top_lines("plugins_owner: 4711\n")).plugin_trust.owner, 4711U);
  EXPECT_THAT(describe_config(config),
              HasSubstr("plugins_owner: \"root\"\nplugins_manifest: required\n"));
}

TEST_F(ConfigLoadTest, TheOwnerOfPluginsIsAUser) {
  for (const std::string owner :
       {"nobody-of-this-name", "-1", "4294967295", "99999999999", "1.5"}) {
    EXPECT_THAT(problems(with_top_lines("plugins_owner: " + owner + "\n")),
                ElementsAre("1:16: 'plugins_owner': '" + owner +
                            "' is neither a user of this system nor a number"));
  }
  EXPECT_THAT(problems(with_top_lines("plugins_owner: ''\n")), SizeIs(1));
  EXPECT_THAT(problems(with_top_lines("plugins_manifest: require\n")),
              ElementsAre("1:19: 'plugins_manifest': 'require' is not known; did you mean "
                          "'required'?"));
}

TEST_F(ConfigLoadTest, ReadsTheLogSection) {
  const Config config = parse_good(
      with_top_lines("log:\n  format: json\n  level: warning\n  levels: {kafka: debug}\n"));
  EXPECT_EQ(config.log.format, LogFormat::kJson);
  EXPECT_EQ(config.log.level, Severity::kWarning);
  ASSERT_THAT(config.log.levels, SizeIs(1));
  EXPECT_EQ(config.log.levels.at(Component::kKafka), Severity::kDebug);
}

TEST_F(ConfigLoadTest, SuggestsWordsOfTheLogSection) {
  EXPECT_THAT(
      problems(with_top_lines("log: {format: jsno, level: warn, levels: {kafak: info, app: 3}}\n")),
      ElementsAre("1:15: 'format': 'jsno' is not known; did you mean 'json'?",
                  "1:28: 'level': 'warn' is not known; valid: trace, debug, info, warning, error, "
                  "critical",
                  "1:43: unknown key 'kafak' in log.levels; did you mean 'kafka'?",
                  "1:61: 'app': '3' is not known; valid: trace, debug, info, warning, error, "
                  "critical"));
}

TEST_F(ConfigLoadTest, FindsEveryProblemAndKeepsTheirOrder) {
  EXPECT_THAT(problems("commit_intervall: 1s\n"
                       "drain_deadline: 2h\n"
                       "consumers:\n"
                       "  - handlers:\n"
                       "      - name: orders\n"
                       "        bach: {}\n"
                       "        topics: []\n"
                       "        workers: many\n"
                       "kafka: {bootstrap.servers: '${BROKERS}'}\n"
                       "drain_deadline: 1s\n"),
              ElementsAre("1:1: unknown key 'commit_intervall' in the top level; did you mean "
                          "'commit_interval'?",
                          "2:17: 'drain_deadline': '2h' is out of range: 0ms to 1h",
                          "4:5: consumer lacks the required key 'group'",
                          "5:9: handler lacks the required key 'plugin'",
                          "6:9: unknown key 'bach' in handler; did you mean 'batch'?",
                          "7:17: 'topics' must not be empty",
                          "8:18: 'workers': 'many' is not a whole number",
                          "9:9: 'bootstrap.servers': environment variable 'BROKERS' is not set and "
                          "has no default",
                          "10:1: duplicate key 'drain_deadline' in the top level; the first is at "
                          "line 2"));
}

TEST_F(ConfigLoadTest, TheMemoryBudgetHasARange) {
  EXPECT_THAT(problems(with_top_lines("memory_budget: 16777215B\n")),
              ElementsAre("1:16: 'memory_budget': '16777215B' is out of range: 16MiB to 1024GiB"));
  EXPECT_THAT(problems(with_top_lines("memory_budget: 1025GiB\n")),
              ElementsAre("1:16: 'memory_budget': '1025GiB' is out of range: 16MiB to 1024GiB"));
}

TEST_F(ConfigLoadTest, AnUnknownKeyNearToNothingListsTheValidOnes) {
  EXPECT_THAT(
      problems(with_top_lines("admin_socket: /run/moult.sock\n")),
      ElementsAre("1:1: unknown key 'admin_socket' in the top level; valid: preset, "
                  "aws, kafka, plugins_path, plugins_owner, plugins_manifest, topic_prefix, "
                  "staging_path, commit_interval, drain_deadline, revoke_deadline, "
                  "soak, memory_budget, log, admin, consumers"));
}

TEST_F(ConfigLoadTest, SectionsHaveTheRightKind) {
  EXPECT_THAT(problems("[]"), ElementsAre("1:1: 'the file' must be a map, not a list"));
  EXPECT_THAT(
      problems("kafka: 1\nlog: [x]\nconsumers: {}\n"),
      ElementsAre("1:8: 'kafka' must be a map, not text", "2:6: 'log' must be a map, not a list",
                  "3:12: 'consumers' must be a list, not a map"));
  EXPECT_THAT(
      problems("kafka:\nlog:\nconsumers:\n"),
      ElementsAre("1:1: 'kafka' must be a map, not empty", "2:1: 'log' must be a map, not empty",
                  "3:1: 'consumers' must be a list, not empty"));
  EXPECT_THAT(problems("consumers: [orders]\n"),
              ElementsAre("1:13: 'consumers' must be a map, not text"));
}

TEST_F(ConfigLoadTest, ConsumersAreRequiredAndNotEmpty) {
  EXPECT_THAT(problems("kafka: {}\n"),
              ElementsAre("1:1: the top level lacks the required key 'consumers'"));
  EXPECT_THAT(problems("consumers: []\n"), ElementsAre("1:12: 'consumers' must not be empty"));
  EXPECT_THAT(problems("consumers: [{group: a, handlers: [], kafka: {bootstrap.servers: b}}]\n"),
              ElementsAre("1:34: 'handlers' must not be empty"));
}

TEST_F(ConfigLoadTest, GroupsAndHandlerNamesAreUnique) {
  const std::string handlers = "handlers: [{name: a, plugin: a.so, topics: [a]}]";
  EXPECT_THAT(problems("kafka: {bootstrap.servers: b}\n"
                       "consumers:\n"
                       "  - {group: g, " +
                       handlers +
                       "}\n"
                       "  - {group: g, " +
                       handlers + "}\n"),
              ElementsAre("4:13: group 'g' is used at line 3 already",
                          "4:34: handler name 'a' is used at line 3 already"));
}

TEST_F(ConfigLoadTest, GroupsAreChecked) {
  const auto with_group = [](const std::string& group) {
    return "kafka: {bootstrap.servers: b}\n"
           "consumers: [{group: " +
           group + ", handlers: [{name: a, plugin: a.so, topics: [a]}]}]\n";
  };
  EXPECT_THAT(problems(with_group("\"\"")), ElementsAre("2:21: group '' is empty"));
  EXPECT_THAT(problems(with_group("\"a\\nb\"")),
              ElementsAre("2:21: group 'a\\x0ab' has control characters"));
  EXPECT_THAT(problems(with_group(std::string(255, 'g'))), IsEmpty());
  EXPECT_THAT(problems(with_group(std::string(256, 'g'))),
              ElementsAre(HasSubstr("is longer than 255 bytes")));
}

TEST_F(ConfigLoadTest, ThePrefixGoesOnGroupsOnce) {
  environment_["PREFIX"] = "blue.";
  const Config config = parse_good(with_top_lines("topic_prefix: ${PREFIX}\n"));
  EXPECT_EQ(config.consumers[0].group, "blue.orders");
  EXPECT_THAT(config.consumers[0].handlers[0].topics, ElementsAre("blue.orders.created"));
}

TEST_F(ConfigLoadTest, AWrongPrefixIsOneProblem) {
  EXPECT_THAT(problems(with_top_lines("topic_prefix: 'a b'\n")),
              ElementsAre("1:15: topic_prefix 'a b' has characters other than letters, digits, "
                          "'.', '_' and '-'"));
}

TEST_F(ConfigLoadTest, PathsStartAtTheFileThenAtPluginsPath) {
  const auto plugin_of = [this](const std::string& top) {
    return parse_good(with_top_lines(top)).consumers.at(0).handlers.at(0).plugin;
  };
  EXPECT_EQ(plugin_of(""), "/etc/orders.so");
  EXPECT_EQ(plugin_of("plugins_path: plugins\n"), "/etc/plugins/orders.so");
  EXPECT_EQ(plugin_of("plugins_path: /opt/current/plugins\n"), "/opt/current/plugins/orders.so");
  EXPECT_EQ(parse_good(with_top_lines("staging_path: cache\n")).staging_path, "/etc/cache");
  EXPECT_THAT(problems(with_top_lines("plugins_path: ''\n")),
              ElementsAre("1:15: 'plugins_path': '' is not a path"));
}

TEST_F(ConfigLoadTest, ARelativeFileIsMadeAbsolute) {
  const auto config = parse_config(with_handler_lines(""), "here/moult.yaml", context_);
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->file, std::filesystem::current_path() / "here/moult.yaml");
  EXPECT_EQ(config->consumers[0].handlers[0].plugin,
            std::filesystem::current_path() / "here/orders.so");
}

TEST_F(ConfigLoadTest, LoadsAFile) {
  const auto file =
      std::filesystem::temp_directory_path() / ("config_load_test." + std::to_string(::getpid()));
  std::ofstream(file) << with_handler_lines("");
  const auto config = load_config(file, context_);
  std::filesystem::remove(file);
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->consumers[0].kafka.at("bootstrap.servers").place.file, file);
}

TEST_F(ConfigLoadTest, TheReferenceFileLoadsAndSaysTheDefaults) {
  const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  const auto config = load_config(root / "config/moult.yaml", context_);
  ASSERT_TRUE(config.has_value()) << config.error().front().to_string();
  const Config defaults;
  EXPECT_EQ(config->commit_interval, defaults.commit_interval);
  EXPECT_EQ(config->drain_deadline, defaults.drain_deadline);
  EXPECT_EQ(config->revoke_deadline, defaults.revoke_deadline);
  EXPECT_EQ(config->memory_budget, defaults.memory_budget);
  EXPECT_EQ(config->log.level, defaults.log.level);
  const HandlerConfig& handler = config->consumers.at(0).handlers.at(0);
  EXPECT_EQ(handler.batch.max_records, BatchConfig().max_records);
  EXPECT_EQ(handler.batch.max_bytes, BatchConfig().max_bytes);
  EXPECT_EQ(handler.retry.backoff, RetryConfig().backoff);
  EXPECT_EQ(handler.ordering, HandlerConfig().ordering);
  EXPECT_EQ(handler.retry.max_attempts, 4U);
  EXPECT_EQ(handler.retry.backoff_max, RetryConfig().backoff_max);
  EXPECT_EQ(handler.dead_letter_topic, "orders.dlq");
  EXPECT_EQ(handler.deadline, HandlerConfig().deadline);
  EXPECT_EQ(handler.on_deadline, HandlerConfig().on_deadline);
  EXPECT_EQ(handler.settings_json, R"({"currency":"EUR","limit":100,"code":"007"})");
}

TEST_F(ConfigLoadTest, AFileThatCannotBeReadIsAProblem) {
  const auto message_of = [this](const char* file) {
    const auto config = load_config(file, context_);
    return config ? std::string("loaded") : config.error().at(0).to_string();
  };
  EXPECT_EQ(message_of("/nowhere/moult.yaml"), "/nowhere/moult.yaml: No such file or directory");
  EXPECT_EQ(message_of("/"), "/: Is a directory");
  EXPECT_EQ(message_of("/dev/zero"), "/dev/zero: Not a regular file");
}

TEST_F(ConfigLoadTest, ProblemsReadAsFileLineColumn) {
  const ConfigProblem problem{.place = {.file = "m.yaml", .line = 3, .column = 7}, .message = "no"};
  EXPECT_EQ(problem.to_string(), "m.yaml:3:7: no");
}

TEST_F(ConfigLoadTest, TheListOfProblemsIsBounded) {
  std::string text;
  for (int line = 0; line < 1'500; ++line) text += "key" + std::to_string(line) + ": 1\n";
  const auto found = problems(text);
  ASSERT_THAT(found, SizeIs(config::ProblemList::kMaxProblems + 1));
  EXPECT_EQ(found.back(), "0:0: more than 1000 problems; the rest is not shown");
}

}  // namespace
}  // namespace moult
