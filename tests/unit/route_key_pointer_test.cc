#include "runtime/route/key_pointer.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/route_fixture.h"

namespace moult::route {
namespace {

class RouteKeyPointerTest : public ::testing::Test {
 protected:
  Scratch scratch_;

  /// The key, or what there is instead.
  std::string key(std::string_view pointer, std::string_view json) {
    const KeyPointer parsed = KeyPointer::parse(pointer).value();
    const PaddedPayload padded(json, ']');
    const std::string in_place = shown(parsed.find(padded.payload(), scratch_));
    std::string copied = shown(parsed.find({.bytes = json, .padded = false}, scratch_));
    EXPECT_EQ(in_place, copied);
    return copied;
  }

  static std::string shown(Found found) {
    if (found.what == Found::What::kMissing) return "(missing)";
    if (found.what == Found::What::kNotJson) return "(not JSON)";
    return std::string(found.key);
  }

  static std::string problem(std::string_view pointer) {
    const auto parsed = KeyPointer::parse(pointer);
    return parsed ? "none" : parsed.error().message;
  }
};

TEST_F(RouteKeyPointerTest, AStringIsItsBytes) {
  EXPECT_EQ(key("/id", R"({"id":"u-1"})"), "u-1");
  EXPECT_EQ(key("/id", R"({"id":""})"), "");
  EXPECT_EQ(key("/id", R"({"id":"a\"\\\n\u00e9\ud83d\ude00"})"), "a\"\\\né😀");
  EXPECT_EQ(key("/id", R"({"id":"a\u0000b"})"), std::string("a\0b", 3));
}

TEST_F(RouteKeyPointerTest, OtherScalarsAreTheirText) {
  EXPECT_EQ(key("/id", R"({"id": 1 })"), "1");
  EXPECT_EQ(key("/id", R"({"id":1.0 , "b":2})"), "1.0");
  EXPECT_EQ(key("/id", R"({"id":-1E5})"), "-1E5");
  EXPECT_EQ(key("/id", R"({"id":123456789012345678901234567890})"),
            "123456789012345678901234567890");
  EXPECT_EQ(key("/id", R"({"id":true})"), "true");
  EXPECT_EQ(key("/id", R"({"id":null})"), "null");
}

TEST_F(RouteKeyPointerTest, ContainersAreTheirText) {
  EXPECT_EQ(key("/id", R"({"id": {"a": [1, 2]} , "b":1})"), R"({"a": [1, 2]})");
  EXPECT_EQ(key("/id", "{\"id\":[ ]\n}"), "[ ]");
  EXPECT_EQ(key("/a/id", R"({"a":{"id":["]"]}})"), R"(["]"])");
  EXPECT_EQ(key("/0", R"([{"x":{}}])"), R"({"x":{}})");
}

TEST_F(RouteKeyPointerTest, FollowsNamesAndIndexes) {
  const char* const json = R"({"a":{"b":[10,[20,21],{"c":"deep"}]},"0":"zero"})";
  EXPECT_EQ(key("/a/b/0", json), "10");
  EXPECT_EQ(key("/a/b/1/1", json), "21");
  EXPECT_EQ(key("/a/b/2/c", json), "deep");
  EXPECT_EQ(key("/0", json), "zero");
}

TEST_F(RouteKeyPointerTest, WhatIsNotThereIsMissing) {
  const char* const json = R"({"a":{"b":[10]},"s":"text"})";
  for (const char* const pointer : {"/x", "/a/x", "/a/b/1", "/a/b/-", "/a/b/00", "/a/b/x", "/s/0",
                                    "/a/b/0/0", "/a/", "/", "/a/b/99999999999999999999"}) {
    EXPECT_EQ(key(pointer, json), "(missing)") << pointer;
  }
  EXPECT_EQ(key("/a", "[]"), "(missing)");
  EXPECT_EQ(key("/a", "1"), "(missing)");
}

TEST_F(RouteKeyPointerTest, PointersHaveEscapes) {
  EXPECT_EQ(key("/a~1b", R"({"a/b":1})"), "1");
  EXPECT_EQ(key("/m~0n", R"({"m~n":1})"), "1");
  EXPECT_EQ(key("/~01", R"({"~1":1})"), "1");
  EXPECT_EQ(key("/", R"({"":1})"), "1");
  EXPECT_EQ(key("/ é", R"({" \u00e9":1})"), "1");
}

TEST_F(RouteKeyPointerTest, TheLastOfEqualNamesCounts) {
  EXPECT_EQ(key("/a", R"({"a":1,"a":2})"), "2");
  EXPECT_EQ(key("/a", R"({"a":1,"\u0061":2})"), "2");
  EXPECT_EQ(key("/a/b", R"({"a":{"b":1},"a":{"b":2}})"), "2");
  EXPECT_EQ(key("/a/b", R"({"a":{"b":1},"a":{"c":2}})"), "(missing)");
  EXPECT_EQ(key("/a/b", R"({"a":{"b":1},"a":3})"), "(missing)");
}

TEST_F(RouteKeyPointerTest, WhatIsBrokenBehindTheKeyIsNotJson) {
  EXPECT_EQ(key("/a", R"({"a":1,"b":tru})"), "(not JSON)");
  EXPECT_EQ(key("/a", R"({"a":1} x)"), "(not JSON)");
  EXPECT_EQ(key("/a", ""), "(not JSON)");
}

TEST_F(RouteKeyPointerTest, WrongPointersSayWhatIsWrong) {
  EXPECT_EQ(problem(""), "is empty");
  EXPECT_EQ(problem("a"), "does not begin with /");
  EXPECT_EQ(problem("/a~"), "has a ~ that is neither ~0 nor ~1");
  EXPECT_EQ(problem("/a~2b"), "has a ~ that is neither ~0 nor ~1");
  EXPECT_EQ(problem("/" + std::string(1'024, 'a')), "is longer than 1024 bytes");
  EXPECT_EQ(problem("/" + std::string(1'023, 'a')), "none");
}

}  // namespace
}  // namespace moult::route
