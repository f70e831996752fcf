#include "runtime/route/where.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace moult::route {
namespace {

class RouteWhereTest : public ::testing::Test {
 protected:
  Scratch scratch_;

  Match match(std::string_view expression, std::string_view json) {
    const auto where = Where::parse(expression);
    if (!where) {
      ADD_FAILURE() << expression << ": " << where.error().message;
      return Match::kNotJson;
    }
    return where->matches({.bytes = json, .padded = false}, scratch_);
  }

  bool yes(std::string_view expression, std::string_view json) {
    const Match found = match(expression, json);
    EXPECT_NE(found, Match::kNotJson) << json;
    return found == Match::kYes;
  }

  static std::string problem(std::string_view expression) {
    const auto where = Where::parse(expression);
    return where ? "none" : where.error().message;
  }
};

TEST_F(RouteWhereTest, ComparesStringsByTheirBytes) {
  const char* const json = R"({"event":"order.created","u":"\u00e9"})";
  EXPECT_TRUE(yes(R"(/event == "order.created")", json));
  EXPECT_TRUE(yes(R"(/event == "order\u002ecreated")", json));
  EXPECT_FALSE(yes(R"(/event == "Order.created")", json));
  EXPECT_FALSE(yes(R"(/event == "order.created ")", json));
  EXPECT_TRUE(yes("/u == \"é\"", json));
  EXPECT_FALSE(yes("/u == \"e\u0301\"", json)) << "the same letter, composed otherwise";
}

TEST_F(RouteWhereTest, ComparesNumbersByTheirValue) {
  EXPECT_TRUE(yes("/n == 1", R"({"n":1.0})"));
  EXPECT_TRUE(yes("/n == 1.50", R"({"n":15e-1})"));
  EXPECT_FALSE(yes("/n == 1", R"({"n":2})"));
  EXPECT_FALSE(yes("/n == 9007199254740993", R"({"n":9007199254740992})"));
}

TEST_F(RouteWhereTest, TypesAreNeverConverted) {
  EXPECT_FALSE(yes("/v == 1", R"({"v":"1"})"));
  EXPECT_FALSE(yes(R"(/v == "1")", R"({"v":1})"));
  EXPECT_FALSE(yes(R"(/v == "true")", R"({"v":true})"));
  EXPECT_FALSE(yes("/v == false", R"({"v":null})"));
  EXPECT_FALSE(yes("/v == 0", R"({"v":false})"));
  EXPECT_FALSE(yes(R"(/v == "")", R"({"v":null})"));
  EXPECT_TRUE(yes("/v != 1", R"({"v":"1"})"));
}

TEST_F(RouteWhereTest, ComparesWords) {
  EXPECT_TRUE(yes("/v == true", R"({"v":true})"));
  EXPECT_FALSE(yes("/v == true", R"({"v":false})"));
  EXPECT_TRUE(yes("/v == null", R"({"v":null})"));
}

TEST_F(RouteWhereTest, AMissingValueEqualsNothing) {
  EXPECT_FALSE(yes("/v == null", "{}"));
  EXPECT_FALSE(yes("/v == 1", "{}"));
  EXPECT_TRUE(yes("/v != 1", "{}"));
  EXPECT_TRUE(yes("/v != null", "{}"));
  EXPECT_FALSE(yes("/v in [null, 1]", "{}"));
  EXPECT_FALSE(yes("/v exists", "{}"));
  EXPECT_FALSE(yes("/v exists and /v != 1", "{}"));
}

TEST_F(RouteWhereTest, NullExists) { EXPECT_TRUE(yes("/v exists", R"({"v":null})")); }

TEST_F(RouteWhereTest, ContainersEqualNoLiteral) {
  EXPECT_FALSE(yes(R"(/v == "{}")", R"({"v":{}})"));
  EXPECT_TRUE(yes(R"(/v != "[]")", R"({"v":[]})"));
  EXPECT_TRUE(yes("/v exists", R"({"v":[]})"));
}

TEST_F(RouteWhereTest, InIsAnyOfTheList) {
  const char* const expression = R"(/v in ["a", 2, null])";
  EXPECT_TRUE(yes(expression, R"({"v":"a"})"));
  EXPECT_TRUE(yes(expression, R"({"v":2.0})"));
  EXPECT_TRUE(yes(expression, R"({"v":null})"));
  EXPECT_FALSE(yes(expression, R"({"v":"2"})"));
  EXPECT_FALSE(yes(expression, R"({"v":["a"]})"));
}

TEST_F(RouteWhereTest, AndBindsTighterThanOr) {
  const char* const all_but_a = R"({"b":1,"c":1})";
  EXPECT_TRUE(yes("/b exists or /c exists and /a exists", all_but_a));
  EXPECT_FALSE(yes("(/b exists or /c exists) and /a exists", all_but_a));
  EXPECT_TRUE(yes("/a exists and /b exists or /c exists", all_but_a));
  EXPECT_FALSE(yes("/a exists and (/b exists or /c exists)", all_but_a));
}

TEST_F(RouteWhereTest, NotBindsTightest) {
  EXPECT_FALSE(yes("not /a exists and /b exists", "{}"));
  EXPECT_TRUE(yes("not (/a exists and /b exists)", "{}"));
  EXPECT_TRUE(yes("not not /a exists", R"({"a":1})"));
  EXPECT_TRUE(yes("not /a == 1", R"({"a":2})"));
}

TEST_F(RouteWhereTest, OnePointerMayStandTwice) {
  EXPECT_TRUE(yes("/a != 1 and /a != 2 and /a/b == 3", R"({"a":{"b":3}})"));
}

TEST_F(RouteWhereTest, PointersMayBeQuoted) {
  EXPECT_TRUE(yes(R"("/user id" == 1)", R"({"user id":1})"));
  EXPECT_TRUE(yes(R"("/a\"b" == 1)", R"({"a\"b":1})"));
  EXPECT_TRUE(yes(R"("" == 5)", "5"));
  EXPECT_TRUE(yes(R"("" == "x")", R"("x")"));
  EXPECT_TRUE(yes(R"("" exists)", "[]"));
}

TEST_F(RouteWhereTest, SpacesMatterOnlyBetweenWords) {
  EXPECT_TRUE(yes("  /a==1\n\tand(/b in[ 1,2 ])  ", R"({"a":1,"b":2})"));
  EXPECT_FALSE(yes("/a!=1", R"({"a":1})"));
}

TEST_F(RouteWhereTest, KeywordsMayBeNames) {
  EXPECT_TRUE(yes(R"(/and == "or" and /not exists)", R"({"and":"or","not":0})"));
}

TEST_F(RouteWhereTest, TheWholeDocumentIsLookedAt) {
  EXPECT_EQ(match("/a == 1", R"({"a":1,"b":})"), Match::kNotJson);
  EXPECT_EQ(match("not /a == 1", "no JSON"), Match::kNotJson);
  EXPECT_EQ(match("/a == 1", ""), Match::kNotJson);
}

TEST_F(RouteWhereTest, ErrorsSayWhereAndWhat) {
  const char* const pointer = "expected a JSON pointer such as /event, 'not' or '('";
  const char* const literal = "expected a string in double quotes, a number, true, false or null";
  const auto at = [](int column, const char* what) {
    return "at column " + std::to_string(column) + ": " + what;
  };
  EXPECT_EQ(problem(""), at(1, pointer));
  EXPECT_EQ(problem("  event == 1"), at(3, pointer));
  EXPECT_EQ(problem("/a == 1 and"), at(12, pointer));
  EXPECT_EQ(problem("/a == 1 AND /b == 1"), at(9, "expected 'and', 'or' or the end"));
  EXPECT_EQ(problem("/a == 1 /b == 1"), at(9, "expected 'and', 'or' or the end"));
  EXPECT_EQ(problem("/a == 1)"), at(8, "expected 'and', 'or' or the end"));
  EXPECT_EQ(problem("/a"), at(3, "expected '==', '!=', 'in' or 'exists' after the JSON pointer"));
  EXPECT_EQ(problem("/a = 1"),
            at(4, "expected '==', '!=', 'in' or 'exists' after the JSON pointer"));
  EXPECT_EQ(problem("/a existsor /b"),
            at(4, "expected '==', '!=', 'in' or 'exists' after the JSON pointer"));
  EXPECT_EQ(problem("/a == created"), at(7, literal));
  EXPECT_EQ(problem("/a == 'x'"), at(7, literal));
  EXPECT_EQ(problem("/a == 01"), at(7, literal));
  EXPECT_EQ(problem("/a == /b"), at(7, literal));
  EXPECT_EQ(problem("/a in 1"), at(7, "expected '[' and a list of values"));
  EXPECT_EQ(problem("/a in []"), at(8, literal));
  EXPECT_EQ(problem("/a in [1 2]"), at(10, "expected ',' or ']'"));
  EXPECT_EQ(problem("/é == 1 or (/b == 2"),
            at(20, "expected 'and', 'or' or the ')' of the '(' at column 12"));
  EXPECT_EQ(problem(R"(/a == "x)"), at(7, "the string has no end"));
  EXPECT_EQ(problem(R"(/a == "x\")"), at(7, "the string has no end"));
  EXPECT_EQ(problem(R"(/a == "\x")"), at(7, "not a JSON string"));
  EXPECT_EQ(problem("/a == \"\xff\""), at(7, "not a JSON string"));
  EXPECT_EQ(problem("/a~ == 1"), at(1, "the JSON pointer has a ~ that is neither ~0 nor ~1"));
  EXPECT_EQ(problem(R"("a" == 1)"), at(1, "the JSON pointer does not begin with /"));
}

TEST_F(RouteWhereTest, ExpressionsHaveBounds) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '(') + "/a exists" + std::string(depth, ')');
  };
  EXPECT_EQ(problem(nested(64)), "none");
  EXPECT_EQ(problem(nested(65)), "at column 65: is nested more than 64 deep");
  std::string nots;
  for (int i = 0; i < 1'000; ++i) nots += "not ";
  EXPECT_EQ(problem(nots + "/a exists"), "at column 257: is nested more than 64 deep");
  EXPECT_EQ(problem(std::string(16'385, ' ')), "is longer than 16384 bytes");
  std::string wide = "/a exists";
  while (wide.size() < 16'000) wide += " or /a exists";
  EXPECT_TRUE(yes(wide, R"({"a":1})"));
}

TEST_F(RouteWhereTest, KeepsItsText) {
  EXPECT_EQ(Where::parse(" /a  exists").value().text(), " /a  exists");
}

TEST_F(RouteWhereTest, ServesManyThreadsAndCopies) {
  const Where where = Where::parse(R"(/a == "x" or /b in [1, 2])").value();
  std::vector<int> matched(4);
  std::vector<std::thread> threads;
  threads.reserve(matched.size());
  for (int& count : matched) {
    threads.emplace_back([copy = where, &where, &count] {
      Scratch own;
      for (int i = 0; i < 1'000; ++i) {
        const std::string json = R"({"b":)" + std::to_string(i % 4) + "}";
        const Where& used = i % 2 == 0 ? where : copy;
        count += used.matches({.bytes = json, .padded = false}, own) == Match::kYes ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : matched) EXPECT_EQ(count, 500);
}

}  // namespace
}  // namespace moult::route
