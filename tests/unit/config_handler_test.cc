#include "tests/unit/config_fixture.h"

namespace moult {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

class ConfigHandlerTest : public ConfigTest {};

TEST_F(ConfigHandlerTest, HasDefaults) {
  const HandlerConfig made = handler("");
  EXPECT_EQ(made.name, "orders");
  EXPECT_EQ(made.batch.max_records, 500U);
  EXPECT_EQ(made.batch.max_bytes, 1U << 20);
  EXPECT_EQ(made.batch.linger, 0ms);
  EXPECT_EQ(made.ordering, Ordering::kPartition);
  EXPECT_EQ(made.workers, 1U);
  EXPECT_EQ(made.retry.backoff, 1s);
  EXPECT_EQ(made.retry.backoff_max, 30s);
  EXPECT_EQ(made.settings_json, "{}");
}

TEST_F(ConfigHandlerTest, ReadsEveryKey) {
  const HandlerConfig made = handler(
      "        batch: {max_records: 100000, max_bytes: 1GiB, linger: 60s}\n"
      "        ordering: partition\n"
      "        workers: 1024\n"
      "        retry: {backoff: 50ms, backoff_max: 24h}\n"
      "        settings: {currency: EUR}\n");
  EXPECT_EQ(made.batch.max_records, 100'000U);
  EXPECT_EQ(made.batch.max_bytes, 1U << 30);
  EXPECT_EQ(made.batch.linger, 60s);
  EXPECT_EQ(made.workers, 1'024U);
  EXPECT_EQ(made.retry.backoff, 50ms);
  EXPECT_EQ(made.retry.backoff_max, 24h);
  EXPECT_EQ(made.settings_json, R"({"currency":"EUR"})");
}

TEST_F(ConfigHandlerTest, KeysOfLaterReleasesAreUnknown) {
  EXPECT_THAT(problems(with_handler_lines("        ordering: key\n"
                                          "        dead_letter: orders.dlq\n"
                                          "        deadline: 5m\n"
                                          "        where: /a\n"
                                          "        retry: {max_attempts: 4}\n")),
              ElementsAre("9:19: 'ordering': 'key' is not known; valid: partition",
                          HasSubstr("10:9: unknown key 'dead_letter' in handler; valid: name"),
                          HasSubstr("11:9: unknown key 'deadline' in handler; valid: name"),
                          HasSubstr("12:9: unknown key 'where' in handler; valid: name"),
                          "13:17: unknown key 'max_attempts' in retry; valid: backoff, "
                          "backoff_max"));
}

TEST_F(ConfigHandlerTest, RangesAreChecked) {
  EXPECT_THAT(
      problems(with_handler_lines("        batch: {max_records: 0, max_bytes: 1023B, linger: 61s}\n"
                                  "        workers: 1025\n"
                                  "        retry: {backoff: 0ms, backoff_max: 25h}\n")),
      ElementsAre("9:30: 'max_records': '0' is out of range: 1 to 100000",
                  "9:44: 'max_bytes': '1023B' is out of range: 1KiB to 1GiB",
                  "9:59: 'linger': '61s' is out of range: 0ms to 1m",
                  "10:18: 'workers': '1025' is out of range: 1 to 1024",
                  "11:26: 'backoff': '0ms' is out of range: 1ms to 1h",
                  "11:44: 'backoff_max': '25h' is out of range: 1s to 24h"));
}

TEST_F(ConfigHandlerTest, NumbersThatOverflowAreOutOfRange) {
  for (const char* const number : {"4294967297", "18446744073709551617"}) {
    EXPECT_THAT(
        problems(with_handler_lines("        workers: " + std::string(number) + "\n")),
        ElementsAre("9:18: 'workers': '" + std::string(number) + "' is out of range: 1 to 1024"));
  }
}

TEST_F(ConfigHandlerTest, TypesAreChecked) {
  EXPECT_THAT(
      problems(with_handler_lines("        batch: {max_records: '5', max_bytes: 5, linger: [1s]}\n"
                                  "        workers: -1\n"
                                  "        retry: 5s\n"
                                  "        ordering:\n"
                                  "        settings: [a]\n")),
      ElementsAre("9:30: 'max_records': '5' is text; write the number without quotes",
                  "9:46: 'max_bytes': '5' lacks a unit (B, kB, KiB, MB, MiB, GB, GiB)",
                  "9:57: 'linger' must be a duration such as 50ms, 1s, 5m or 2h, not a list",
                  "10:18: 'workers': '-1' is not a whole number",
                  "11:16: 'retry' must be a map, not text",
                  "12:9: 'ordering' must be text, not empty",
                  "13:19: 'settings' must be a map, not a list"));
}

TEST_F(ConfigHandlerTest, AnInterpolatedNumberMayBeQuoted) {
  environment_["WORKERS"] = "7";
  EXPECT_EQ(handler("        workers: ${WORKERS}\n").workers, 7U);
  EXPECT_EQ(handler("        workers: \"${WORKERS}\"\n").workers, 7U);
  environment_["WORKERS"] = "2000";
  EXPECT_THAT(problems(with_handler_lines("        workers: ${WORKERS}\n")),
              ElementsAre("9:18: 'workers': '${WORKERS}' is out of range: 1 to 1024"));
}

TEST_F(ConfigHandlerTest, TheMaximalBackoffIsNotBelowTheFirst) {
  EXPECT_EQ(handler("        retry: {backoff: 1m}\n").retry.backoff_max, 1min);
  EXPECT_THAT(problems(with_handler_lines("        retry: {backoff: 1m, backoff_max: 59s}\n")),
              ElementsAre("9:43: 'backoff_max': '59s' is out of range: 1m to 24h"));
}

TEST_F(ConfigHandlerTest, NamesAreChecked) {
  const auto with_name = [](const std::string& name) {
    return "kafka: {bootstrap.servers: b}\n"
           "consumers: [{group: g, handlers: [{plugin: a.so, topics: [a], name: " +
           name + "}]}]\n";
  };
  EXPECT_THAT(problems(with_name("a.B_c-1")), IsEmpty());
  EXPECT_THAT(problems(with_name("''")), ElementsAre("2:69: handler name '' is empty"));
  EXPECT_THAT(problems(with_name("-x")),
              ElementsAre("2:69: handler name '-x' begins with '.' or '-'"));
  EXPECT_THAT(problems(with_name("a/b")),
              ElementsAre(HasSubstr("handler name 'a/b' has characters other than")));
  EXPECT_THAT(problems(with_name(std::string(101, 'x'))),
              ElementsAre(HasSubstr("is longer than 100 characters")));
}

TEST_F(ConfigHandlerTest, EmptyTopicsAndPluginsAreRefused) {
  EXPECT_THAT(
      problems("kafka: {bootstrap.servers: b}\n"
               "consumers: [{group: g, handlers: [{name: a, plugin: '', topics: ['']}]}]\n"),
      ElementsAre("2:53: 'plugin': '' is not a path", "2:66: topic '' is empty"));
}

}  // namespace
}  // namespace moult
