#include "tests/unit/config_fixture.h"

namespace moult {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;
using namespace std::string_literals;

class ConfigHandlerTest : public ConfigTest {};

TEST_F(ConfigHandlerTest, HasDefaults) {
  const HandlerConfig made = handler("");
  EXPECT_EQ(made.name, "orders");
  EXPECT_EQ(made.batch.max_records, 500U);
  EXPECT_EQ(made.batch.max_bytes, 1U << 20);
  EXPECT_EQ(made.batch.linger, 0ms);
  EXPECT_EQ(made.ordering, Ordering::kPartition);
  EXPECT_EQ(made.key_pointer, "");
  EXPECT_EQ(made.max_slots, 64U);
  EXPECT_FALSE(made.where.has_value());
  EXPECT_EQ(made.workers, 1U);
  EXPECT_EQ(made.retry.max_attempts, 0U);
  EXPECT_EQ(made.retry.backoff, 1s);
  EXPECT_EQ(made.retry.backoff_max, 30s);
  EXPECT_EQ(made.give_up, GiveUp::kNever);
  EXPECT_EQ(made.dead_letter_topic, "");
  EXPECT_EQ(made.deadline, 5min);
  EXPECT_EQ(made.on_deadline, OnDeadline::kReport);
  EXPECT_EQ(made.settings_json, "{}");
}

TEST_F(ConfigHandlerTest, ReadsEveryKey) {
  const HandlerConfig made = handler(
      "        batch: {max_records: 100000, max_bytes: 1GiB, linger: 60s}\n"
      "        ordering: key\n"
      "        key: /user/id\n"
      "        max_slots: 1024\n"
      "        where: /event == \"order.created\"\n"
      "        workers: 1024\n"
      "        retry: {max_attempts: 1000, backoff: 50ms, backoff_max: 24h}\n"
      "        dead_letter: orders.dlq\n"
      "        deadline: 24h\n"
      "        on_deadline: exit\n"
      "        settings: {currency: EUR}\n");
  EXPECT_EQ(made.batch.max_records, 100'000U);
  EXPECT_EQ(made.batch.max_bytes, 1U << 30);
  EXPECT_EQ(made.batch.linger, 60s);
  EXPECT_EQ(made.ordering, Ordering::kKey);
  EXPECT_EQ(made.key_pointer, "/user/id");
  EXPECT_EQ(made.max_slots, 1'024U);
  ASSERT_TRUE(made.where.has_value());
  EXPECT_EQ(made.where->text(), R"(/event == "order.created")");
  EXPECT_EQ(made.workers, 1'024U);
  EXPECT_EQ(made.retry.max_attempts, 1'000U);
  EXPECT_EQ(made.retry.backoff, 50ms);
  EXPECT_EQ(made.retry.backoff_max, 24h);
  EXPECT_EQ(made.give_up, GiveUp::kDeadLetter);
  EXPECT_EQ(made.dead_letter_topic, "orders.dlq");
  EXPECT_EQ(made.deadline, 24h);
  EXPECT_EQ(made.on_deadline, OnDeadline::kExit);
  EXPECT_EQ(made.settings_json, R"({"currency":"EUR"})");
}

TEST_F(ConfigHandlerTest, ReadsACanary) {
  EXPECT_FALSE(handler("").canary.has_value());
  const auto by_lanes = handler("        canary: {lanes: 2, batches: 20}\n").canary;
  ASSERT_TRUE(by_lanes.has_value());
  EXPECT_EQ(by_lanes->lanes, 2U);
  EXPECT_EQ(by_lanes->batches, 20U);
  EXPECT_EQ(by_lanes->time, 30s);
  EXPECT_EQ(by_lanes->max_failures, 0U);
  EXPECT_EQ(by_lanes->max_slowdown, 3U);
  const auto by_share =
      handler("        canary: {share: 10%, for: 5m, max_failures: 2%, max_slowdown: unlimited}\n")
          .canary;
  ASSERT_TRUE(by_share.has_value());
  EXPECT_EQ(by_share->lanes, 0U);
  EXPECT_EQ(by_share->share, 10U);
  EXPECT_EQ(by_share->time, 5min);
  EXPECT_EQ(by_share->max_failures, 2U);
  EXPECT_EQ(by_share->max_slowdown, 0U);
  EXPECT_EQ(handler("        canary: {}\n").canary->lanes, 1U);
}

TEST_F(ConfigHandlerTest, SaysWhatIsWrongWithACanary) {
  EXPECT_THAT(problems(with_handler_lines("        canary: {share: 10, lanes: 0}\n")),
              ElementsAre(HasSubstr("'share' and 'lanes' both say how many lanes; keep one"),
                          HasSubstr("no percent sign"), HasSubstr("'lanes'")));
  EXPECT_THAT(problems(with_handler_lines("        canary: {share: 101%, from: 1s}\n")),
              ElementsAre(HasSubstr("'share'"), HasSubstr("'from'")));
}

TEST_F(ConfigHandlerTest, ReadsEveryOrdering) {
  EXPECT_EQ(handler("        ordering: partition\n").ordering, Ordering::kPartition);
  EXPECT_EQ(handler("        ordering: key\n").ordering, Ordering::kKey);
  EXPECT_EQ(handler("        ordering: none\n").ordering, Ordering::kNone);
  EXPECT_THAT(problems(with_handler_lines("        ordering: keys\n")),
              ElementsAre("9:19: 'ordering': 'keys' is not known; did you mean 'key'?"));
}

TEST_F(ConfigHandlerTest, AKeyIsOfUseOnlyWithOrderingKey) {
  const char* const problem = ": 'key' is of use only with 'ordering: key'";
  EXPECT_THAT(problems(with_handler_lines("        key: /id\n")), ElementsAre("9:14"s + problem));
  EXPECT_THAT(problems(with_handler_lines("        ordering: none\n"
                                          "        key: /id\n")),
              ElementsAre("10:14"s + problem));
}

TEST_F(ConfigHandlerTest, MaxSlotsAreOfUseOnlyWithSlots) {
  EXPECT_EQ(handler("        ordering: none\n"
                    "        max_slots: 1\n")
                .max_slots,
            1U);
  EXPECT_THAT(problems(with_handler_lines("        max_slots: 2\n")),
              ElementsAre("9:20: 'max_slots' is of use only with 'ordering: key' or 'ordering: "
                          "none'"));
}

TEST_F(ConfigHandlerTest, AnUnknownOrderingIsTheOnlyProblemOfItsKeys) {
  EXPECT_THAT(problems(with_handler_lines("        ordering: kye\n"
                                          "        key: /id\n"
                                          "        max_slots: 8\n")),
              ElementsAre("9:19: 'ordering': 'kye' is not known; did you mean 'key'?"));
}

TEST_F(ConfigHandlerTest, TheKeyIsAJsonPointer) {
  EXPECT_THAT(problems(with_handler_lines("        ordering: key\n"
                                          "        key: user_id\n")),
              ElementsAre("10:14: 'key': 'user_id' is no JSON pointer: it does not begin with /"));
  EXPECT_THAT(problems(with_handler_lines("        ordering: key\n"
                                          "        key: ''\n")),
              ElementsAre("10:14: 'key': '' is no JSON pointer: it is empty"));
}

TEST_F(ConfigHandlerTest, AWrongConditionIsShownWithItsColumn) {
  EXPECT_THAT(problems(with_handler_lines("        where: /a = 1\n")),
              ElementsAre("9:16: 'where': '/a = 1' at column 4: expected '==', '!=', 'in' or "
                          "'exists' after the JSON pointer"));
  EXPECT_THAT(problems(with_handler_lines("        where: [a]\n")),
              ElementsAre("9:16: 'where' must be text, not a list"));
}

TEST_F(ConfigHandlerTest, AWrongConditionShowsNothingInterpolated) {
  environment_["SECRET"] = "hunter2";
  EXPECT_THAT(problems(with_handler_lines("        where: /a == ${SECRET}\n")),
              ElementsAre("9:16: 'where': '/a == ${SECRET}' at column 7: expected a string in "
                          "double quotes, a number, true, false or null"));
}

TEST_F(ConfigHandlerTest, WhoGivesUpTriesFourTimesUnlessToldOtherwise) {
  EXPECT_EQ(handler("        dead_letter: skip\n").retry.max_attempts, 4U);
  EXPECT_EQ(handler("        dead_letter: stop\n"
                    "        retry: {backoff: 2s}\n")
                .retry.max_attempts,
            4U);
  EXPECT_EQ(handler("        dead_letter: dlq\n"
                    "        retry: {max_attempts: 1}\n")
                .retry.max_attempts,
            1U);
  EXPECT_EQ(handler("        dead_letter: dlq\n"
                    "        retry: {max_attempts: unlimited}\n")
                .retry.max_attempts,
            0U);
}

TEST_F(ConfigHandlerTest, ALimitOfAttemptsNeedsAnEndOfTheRecord) {
  EXPECT_THAT(problems(with_handler_lines("        retry: {max_attempts: 4}\n")),
              ElementsAre("9:31: 'max_attempts' is set, but not what becomes of a record that has "
                          "used them up; set 'dead_letter' to a topic, to skip or to stop"));
  EXPECT_EQ(handler("        retry: {max_attempts: unlimited}\n").retry.max_attempts, 0U);
}

TEST_F(ConfigHandlerTest, AWrongDeadLetterIsNotAMissingOne) {
  EXPECT_THAT(problems(with_handler_lines("        retry: {max_attempts: 4}\n"
                                          "        dead_letter: [a]\n")),
              ElementsAre("10:22: 'dead_letter' must be text, not a list"));
}

TEST_F(ConfigHandlerTest, AttemptsAreANumberOrUnlimited) {
  const auto problem_of = [this](const std::string& attempts) {
    return problems(
        with_handler_lines("        dead_letter: skip\n"
                           "        retry: {max_attempts: " +
                           attempts + "}\n"));
  };
  EXPECT_THAT(problem_of("0"),
              ElementsAre("10:31: 'max_attempts': '0' is out of range: 1 to 1000"));
  EXPECT_THAT(problem_of("1001"),
              ElementsAre("10:31: 'max_attempts': '1001' is out of range: 1 to 1000"));
  EXPECT_THAT(
      problem_of("many"),
      ElementsAre("10:31: 'max_attempts': 'many' is neither a whole number nor 'unlimited'"));
  EXPECT_THAT(problem_of("[]"),
              ElementsAre("10:31: 'max_attempts' must be a whole number or 'unlimited', not a "
                          "list"));
  environment_["ATTEMPTS"] = "unlimited";
  EXPECT_THAT(problem_of("'${ATTEMPTS}'"), IsEmpty());
}

TEST_F(ConfigHandlerTest, SkipAndStopNeedNoTopic) {
  EXPECT_EQ(handler("        dead_letter: skip\n").give_up, GiveUp::kSkip);
  EXPECT_EQ(handler("        dead_letter: stop\n").give_up, GiveUp::kStop);
  EXPECT_EQ(handler("        dead_letter: stop\n").dead_letter_topic, "");
}

TEST_F(ConfigHandlerTest, ADeadLetterTopicHasThePrefixOnce) {
  const Config config =
      parse_good("topic_prefix: blue.\n" + with_handler_lines("        dead_letter: orders.dlq\n"));
  EXPECT_EQ(config.consumers.at(0).handlers.at(0).dead_letter_topic, "blue.orders.dlq");
}

TEST_F(ConfigHandlerTest, ADeadLetterTopicIsOneTopic) {
  const auto problem_of = [this](const std::string& topic) {
    return problems(with_handler_lines("        dead_letter: " + topic + "\n"));
  };
  EXPECT_THAT(problem_of("^a"),
              ElementsAre("9:22: dead-letter topic '^a' is a regex, not one topic"));
  EXPECT_THAT(problem_of("''"), ElementsAre("9:22: dead-letter topic '' is empty"));
  EXPECT_THAT(problem_of("a/b"), ElementsAre(HasSubstr("'a/b' has characters other than")));
  EXPECT_THAT(problems("topic_prefix: s\n" + with_handler_lines("        dead_letter: top\n")),
              ElementsAre("10:22: dead-letter topic 'top' is a word of this key (with "
                          "topic_prefix)"));
}

TEST_F(ConfigHandlerTest, ADeadLetterTopicThatTheGroupReadsWouldLoop) {
  EXPECT_THAT(problems(with_handler_lines("        dead_letter: orders.created\n")),
              ElementsAre("9:22: dead-letter topic 'orders.created' is read by this group too, see "
                          "line 8; its records would come round for ever"));
  EXPECT_THAT(problems(with_handler_lines("        dead_letter: audit.dlq\n"
                                          "      - name: audit\n"
                                          "        plugin: audit.so\n"
                                          "        topics: [^audit\\.]\n")),
              ElementsAre("9:22: dead-letter topic 'audit.dlq' is read by this group too, see line "
                          "12; its records would come round for ever"));
}

TEST_F(ConfigHandlerTest, AnotherGroupMayReadADeadLetterTopic) {
  EXPECT_THAT(problems(with_handler_lines("        dead_letter: orders.dlq\n"
                                          "  - group: repair\n"
                                          "    handlers:\n"
                                          "      - name: repair\n"
                                          "        plugin: repair.so\n"
                                          "        topics: [orders.dlq, ^orders\\.]\n")),
              IsEmpty());
}

TEST_F(ConfigHandlerTest, ThePrefixIsPartOfTheLoop) {
  EXPECT_THAT(problems("topic_prefix: blue.\n" +
                       with_handler_lines("        dead_letter: blue.orders.created\n")),
              IsEmpty());
  EXPECT_THAT(problems("topic_prefix: blue.\n" +
                       with_handler_lines("        dead_letter: orders.created\n")),
              ElementsAre(HasSubstr("'orders.created' is read by this group too, see line 9;")));
}

TEST_F(ConfigHandlerTest, RangesAreChecked) {
  EXPECT_THAT(
      problems(with_handler_lines("        batch: {max_records: 0, max_bytes: 1023B, linger: 61s}\n"
                                  "        workers: 1025\n"
                                  "        retry: {backoff: 0ms, backoff_max: 25h}\n"
                                  "        ordering: none\n"
                                  "        max_slots: 1025\n"
                                  "        deadline: 999ms\n")),
      ElementsAre("9:30: 'max_records': '0' is out of range: 1 to 100000",
                  "9:44: 'max_bytes': '1023B' is out of range: 1KiB to 1GiB",
                  "9:59: 'linger': '61s' is out of range: 0ms to 1m",
                  "10:18: 'workers': '1025' is out of range: 1 to 1024",
                  "11:26: 'backoff': '0ms' is out of range: 1ms to 1h",
                  "11:44: 'backoff_max': '25h' is out of range: 1s to 24h",
                  "13:20: 'max_slots': '1025' is out of range: 1 to 1024",
                  "14:19: 'deadline': '999ms' is out of range: 1s to 24h"));
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
                                  "        settings: [a]\n"
                                  "        on_deadline: kill\n")),
      ElementsAre(
          "9:30: 'max_records': '5' is text; write the number without quotes",
          "9:46: 'max_bytes': '5' lacks a unit (B, kB, KiB, MB, MiB, GB, GiB)",
          "9:57: 'linger' must be a duration such as 50ms, 1s, 5m or 2h, not a list",
          "10:18: 'workers': '-1' is not a whole number", "11:16: 'retry' must be a map, not text",
          "12:9: 'ordering' must be text, not empty", "13:19: 'settings' must be a map, not a list",
          "14:22: 'on_deadline': 'kill' is not known; valid: report, exit"));
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
