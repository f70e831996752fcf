#include <gtest/gtest.h>

#include <string>

#include "runtime/route/where.h"
#include "tests/unit/route_fixture.h"

namespace moult::route {
namespace {

using namespace std::string_literals;

/// What counts as JSON: seen through a condition that every document fulfils.
class RouteDocumentTest : public ::testing::Test {
 protected:
  const Where any_ = Where::parse(R"("" exists)").value();
  Scratch scratch_;

  bool accepts(Payload payload) { return any_.matches(payload, scratch_) == Match::kYes; }

  /// Copied and in place, whatever stands behind it: there must be no difference.
  bool is_json(const std::string& text) {
    const bool copied = accepts({.bytes = text, .padded = false});
    for (const char padding : "}] ,:\"1e\\"s + '\0') {
      const PaddedPayload padded(text, padding);
      EXPECT_EQ(accepts(padded.payload()), copied) << text << " followed by " << padding;
    }
    return copied;
  }
};

TEST_F(RouteDocumentTest, EveryKindOfDocumentIsJson) {
  for (const char* const json :
       {"{}", "[]", "0", "-1.5e3", "true", "false", "null", R"("a")", " \t\r\n{ } \n", " 1 ",
        R"({"a":1,"b":[1,"x",{}],"c":{"d":null}})", R"(["\u00e9\ud83d\ude00\n\"\\\/"])", "\"é😀\"",
        "[[[[]]]]", R"({"":{"":0}})"}) {
    EXPECT_TRUE(is_json(json)) << json;
  }
}

TEST_F(RouteDocumentTest, NumbersOfAnySizeAreJson) {
  for (const char* const json :
       {"[18446744073709551616]", "[1e400]", "1e400", "[-123456789012345678901234567890.5]"}) {
    EXPECT_TRUE(is_json(json)) << json;
  }
}

TEST_F(RouteDocumentTest, BrokenStructureIsNotJson) {
  for (const char* const text : {"",
                                 " ",
                                 "{",
                                 "}",
                                 "[",
                                 "]",
                                 "[1",
                                 "[1,",
                                 "[1,]",
                                 "[,1]",
                                 "[1 2]",
                                 "[1,,2]",
                                 "{]",
                                 "[}",
                                 R"({"a"})",
                                 R"({"a":})",
                                 R"({"a":1,})",
                                 R"({"a" 1})",
                                 R"({"a":1 "b":2})",
                                 R"({a:1})",
                                 R"({1:1})",
                                 R"({"a":1:2})",
                                 "[[1]",
                                 "[[[[[]",
                                 R"({"a":{"b":1})",
                                 R"({"a":[1})",
                                 R"({"a":{"b":1]})",
                                 ":",
                                 ",",
                                 "[:]"}) {
    EXPECT_FALSE(is_json(text)) << text;
  }
}

TEST_F(RouteDocumentTest, WhatStandsBehindADocumentIsNotJson) {
  for (const char* const text : {"{}{}", "{} x", "[] ,", "[]]", "{}}", "1 2", "1,", "null null",
                                 R"("a" "b")", R"("a"b)", "true]", R"({"a":1}[])", "nullx", "1x"}) {
    EXPECT_FALSE(is_json(text)) << text;
  }
}

TEST_F(RouteDocumentTest, BrokenScalarsAreNotJsonWhereverTheyStand) {
  for (const char* const scalar :
       {"tru",         "truee",     "True",        "nul",         "NULL",
        "01",          "1.",        ".5",          "+1",          "-",
        "1e",          "0x1",       "NaN",         "'a'",         R"("a)",
        R"("\x")",     R"("\u12")", R"("\u12g4")", R"("\ud800")", R"("\ud800\u0041")",
        R"("\udc00")", "\"a\nb\"",  "\"a\tb\"",    "\"\\\"",      "undefined",
        "/* */ 1",     "1//"}) {
    EXPECT_FALSE(is_json(scalar)) << scalar;
    EXPECT_FALSE(is_json("["s + scalar + "]")) << scalar;
    EXPECT_FALSE(is_json("[0,"s + scalar + ",0]")) << scalar;
    EXPECT_FALSE(is_json("{\"a\":"s + scalar + "}")) << scalar;
  }
  EXPECT_FALSE(is_json(R"({"\x":1})"));
  EXPECT_FALSE(is_json(R"({"\ud800":1})"));
}

TEST_F(RouteDocumentTest, NulBytesAreNotJson) {
  EXPECT_FALSE(is_json("{}\0"s));
  EXPECT_FALSE(is_json("\0{}"s));
  EXPECT_FALSE(is_json("[1\0]"s));
  EXPECT_FALSE(is_json("[\"a\0b\"]"s));
  EXPECT_FALSE(is_json("[1,\0 2]"s));
  EXPECT_TRUE(is_json(R"(["a\u0000b"])"));
}

TEST_F(RouteDocumentTest, InvalidUtf8IsNotJson) {
  EXPECT_FALSE(is_json("[\"\x80\"]"));
  EXPECT_FALSE(is_json("[\"\xC0\xAF\"]"));
  EXPECT_FALSE(is_json("[\"\xED\xA0\x80\"]"));
  EXPECT_FALSE(is_json("[\"\xF4\x90\x80\x80\"]"));
  EXPECT_FALSE(is_json("[\"\xE2\x82\"]"));
  EXPECT_FALSE(is_json("\xEF\xBB\xBF{}")) << "a byte order mark";
}

TEST_F(RouteDocumentTest, NestingHasABound) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  const auto nested_objects = [](std::size_t depth) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += R"({"a":)";
    return text + "1" + std::string(depth, '}');
  };
  EXPECT_TRUE(is_json(nested(1'024)));
  EXPECT_FALSE(is_json(nested(1'025)));
  EXPECT_FALSE(is_json(nested(1'000'000)));
  EXPECT_FALSE(is_json(std::string(1'000'000, '[')));
  EXPECT_TRUE(is_json(nested_objects(1'024)));
  EXPECT_FALSE(is_json(nested_objects(1'025)));
}

TEST_F(RouteDocumentTest, OneScratchServesEverySize) {
  const std::string large = "[\"" + std::string(8 * 1024UL * 1024, 'x') + "\"]";
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(accepts({.bytes = "[1]", .padded = false}));
    EXPECT_TRUE(accepts({.bytes = large, .padded = false}));
    EXPECT_FALSE(accepts({.bytes = "[1", .padded = false}));
  }
  std::string growing = "[]";
  for (int step = 0; step < 4'000; ++step) {
    growing.insert(1, " ");
    ASSERT_TRUE(accepts({.bytes = growing, .padded = false}));
  }
}

}  // namespace
}  // namespace moult::route
