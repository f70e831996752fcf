#include "runtime/config/topics.h"

#include "tests/unit/config_fixture.h"

namespace moult::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ConfigTopicsTest, ThePrefixOfARegexIsLiteral) {
  EXPECT_EQ(with_prefix("", "orders"), "orders");
  EXPECT_EQ(with_prefix("blue.", "orders"), "blue.orders");
  EXPECT_EQ(with_prefix("blue.", "^orders\\..*"), "^blue\\.orders\\..*");
  EXPECT_EQ(with_prefix("", "^orders"), "^orders");
  EXPECT_EQ(with_prefix("a+b", "^x"), "^a\\+bx");
}

TEST(ConfigTopicsTest, NamesAreKafkasOwn) {
  EXPECT_EQ(topic_problem("a-B_c.9"), std::nullopt);
  EXPECT_EQ(topic_problem(std::string(249, 'a')), std::nullopt);
  EXPECT_EQ(topic_problem(std::string(250, 'a')), "is longer than 249 characters");
  EXPECT_EQ(topic_problem(""), "is empty");
  EXPECT_EQ(topic_problem("."), "is no legal topic name");
  EXPECT_EQ(topic_problem(".."), "is no legal topic name");
  EXPECT_NE(topic_problem("a b"), std::nullopt);
  EXPECT_NE(topic_problem("a/b"), std::nullopt);
  EXPECT_NE(topic_problem("bestellungen-ü"), std::nullopt);
}

TEST(ConfigTopicsTest, GoodRegexes) {
  for (const char* const regex : {"^orders", "^orders\\..*$", "^(a|b)", "^[^|]+x", "^[]|]x",
                                  "^[[:alpha:]|]+", "^a\\|b", "^orders\\.[0-9]{1,3}$", "^.*"}) {
    EXPECT_EQ(topic_problem(regex), std::nullopt) << regex;
  }
}

TEST(ConfigTopicsTest, BadRegexes) {
  for (const char* const regex : {"^(", "^[a", "^a{", "^a{2,1}", "^*)", "^a\\", "^[z-a]"}) {
    EXPECT_THAT(topic_problem(regex).value_or(""), HasSubstr("is no POSIX extended regex"))
        << regex;
  }
}

TEST(ConfigTopicsTest, AlternativesNeedParentheses) {
  EXPECT_EQ(topic_problem("^a|b"), "needs its alternatives in parentheses: ^(a|b)");
  EXPECT_EQ(topic_problem("^(a|b)|c"), "needs its alternatives in parentheses: ^(a|b)");
}

TEST(ConfigTopicsTest, RegexesAreBounded) {
  EXPECT_EQ(topic_problem("^((a{9}){9}){9}"), "is too complex");
  EXPECT_EQ(topic_problem("^a{999}"), std::nullopt);
  EXPECT_EQ(topic_problem("^a{0,1000}"), "is too complex");
  EXPECT_EQ(topic_problem("^a{" + std::string(60, '7')), "is too complex");
  EXPECT_EQ(topic_problem("^" + std::string(21, '(') + std::string(21, ')')), "is too complex");
  EXPECT_EQ(topic_problem("^" + std::string(kMaxRegex, 'a')), "is longer than 512 characters");
}

class ConfigTopicListTest : public ConfigTest {
 protected:
  static std::string two_handlers(const std::string& first, const std::string& second) {
    return "kafka: {bootstrap.servers: b}\n"
           "topic_prefix: p.\n"
           "consumers:\n"
           "  - group: g\n"
           "    handlers:\n"
           "      - {name: a, plugin: a.so, topics: " +
           first +
           "}\n"
           "      - {name: b, plugin: b.so, topics: " +
           second + "}\n";
  }
};

TEST_F(ConfigTopicListTest, ATopicHasOneHandlerInAGroup) {
  EXPECT_THAT(problems(two_handlers("[x, y]", "[z, y]")),
              ElementsAre("7:45: topic 'y' is read at line 6 already; in one group a topic has one "
                          "handler"));
  EXPECT_THAT(problems(two_handlers("[x, x]", "[z]")),
              ElementsAre(HasSubstr("6:45: topic 'x' is read at line 6 already")));
}

TEST_F(ConfigTopicListTest, AVariableDoesNotHideATopicReadTwice) {
  environment_["TOPIC"] = "y";
  EXPECT_THAT(problems(two_handlers("[y]", "[\"${TOPIC}\"]")),
              ElementsAre(HasSubstr("7:42: topic '${TOPIC}' is read at line 6 already")));
}

TEST_F(ConfigTopicListTest, AnotherGroupMayReadTheSameTopic) {
  EXPECT_THAT(problems(two_handlers("[y]", "[z]") +
                       "  - group: h\n"
                       "    handlers: [{name: c, plugin: c.so, topics: [y]}]\n"),
              IsEmpty());
}

TEST_F(ConfigTopicListTest, ThePrefixCountsToTheLength) {
  const std::string longest(249 - 2, 't');
  EXPECT_THAT(problems(two_handlers("[" + longest + "]", "[z]")), IsEmpty());
  EXPECT_THAT(problems(two_handlers("[" + longest + "t]", "[z]")),
              ElementsAre(HasSubstr("is longer than 249 characters (with topic_prefix)")));
}

TEST_F(ConfigTopicListTest, TopicsAreAListOfText) {
  EXPECT_THAT(problems(two_handlers("x", "[[y], ]")),
              ElementsAre("6:41: 'topics' must be a list, not text",
                          "7:42: 'topics' must be text, not a list"));
}

TEST_F(ConfigTopicListTest, RegexesGetThePrefixInside) {
  const Config config = parse_good(two_handlers("[\"^x\\\\..*$\"]", "[z]"));
  EXPECT_THAT(config.consumers.at(0).handlers.at(0).topics, ElementsAre("^p\\.x\\..*$"));
}

}  // namespace
}  // namespace moult::config
