#include "runtime/config/json.h"

#include <simdjson.h>

#include "runtime/config/scalar_type.h"
#include "tests/unit/config_fixture.h"

namespace moult::config {
namespace {

using ::testing::ElementsAre;

TEST(ConfigJsonTest, EscapesStrings) {
  EXPECT_EQ(json_string("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(json_string("\n\r\t\b\x7F"), R"("\n\r\t\u0008\u007f")");
  EXPECT_EQ(json_string(std::string_view("\0", 1)), R"("\u0000")");
  EXPECT_EQ(json_string("größer €𝄞"), "\"größer €𝄞\"");
}

TEST(ConfigJsonTest, PutsCommasAndColons) {
  JsonWriter json;
  json.open_object();
  json.key("a");
  json.open_array();
  json.literal("1");
  json.text("x");
  json.open_object();
  json.close_object();
  json.close_array();
  json.key("b");
  json.literal("null");
  json.close_object();
  EXPECT_EQ(json.take(), R"({"a":[1,"x",{}],"b":null})");
}

TEST(ConfigJsonTest, ScalarsHaveTheTypesOfTheCoreSchema) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"true", "true"},
      {"False", "false"},
      {"yes", ""},
      {"on", ""},
      {"0", "0"},
      {"-0", "0"},
      {"007", "7"},
      {"+12", "12"},
      {"-3", "-3"},
      {"0x1F", "31"},
      {"0o17", "15"},
      {"-0x1", ""},
      {"0b1", ""},
      {"1_000", ""},
      {"1.5", "1.5"},
      {"1.", "1.0"},
      {".5", "0.5"},
      {"-.5", "-0.5"},
      {"+1e3", "1000.0"},
      {"1E-2", "0.01"},
      {"1e300", "1e+300"},
      {".", ""},
      {"-", ""},
      {"+", ""},
      {"e5", ""},
      {"1e", ""},
      {"1e+", ""},
      {"1.2.3", ""},
      {"12:30", ""},
      {"2001-01-01", ""},
      {"infinity", ""},
      {"nan", ""},
      {"0x", ""},
      {"", ""},
      {"18446744073709551615", "18446744073709551615"},
      {"-9223372036854775808", "-9223372036854775808"},
  };
  for (const auto& [plain, literal] : cases) {
    const auto made = json_literal(plain);
    ASSERT_TRUE(made.has_value()) << plain;
    EXPECT_EQ(*made, literal) << plain;
  }
}

TEST(ConfigJsonTest, NumbersWithoutAJsonFormAreErrors) {
  for (const char* const plain : {".inf", "-.INF", "+.Inf", ".nan", ".NaN", "1e999",
                                  "18446744073709551616", "-9223372036854775809"}) {
    EXPECT_FALSE(json_literal(plain).has_value()) << plain;
  }
}

class ConfigSettingsTest : public ConfigTest {
 protected:
  std::string settings(const std::string& yaml) {
    return handler("        settings: " + yaml + "\n").settings_json;
  }
};

TEST_F(ConfigSettingsTest, KeepTheirTypesUnlessQuoted) {
  EXPECT_EQ(settings("{a: 1, b: '1', c: true, d: \"true\", e: null, f: ~, g: 1.0, h: text}"),
            R"({"a":1,"b":"1","c":true,"d":"true","e":null,"f":null,"g":1.0,"h":"text"})");
}

TEST_F(ConfigSettingsTest, Nest) {
  EXPECT_EQ(settings("{a: {b: [1, [2], {c: }]}, 5: x}"),
            R"({"a":{"b":[1,[2],{"c":null}]},"5":"x"})");
}

TEST_F(ConfigSettingsTest, MayHoldEscapesOfEveryKind) {
  const std::string json = settings(R"({a: "\0\x04\e\u2028\"", "k\"ey": 'it''s'})");
  simdjson::dom::parser parser;
  const auto document = parser.parse(json);
  EXPECT_EQ(std::string_view(document["a"]), std::string_view("\0\x04\x1B\u2028\"", 7));
  EXPECT_EQ(std::string_view(document["k\"ey"]), "it's");
}

TEST_F(ConfigSettingsTest, InterpolationMakesText) {
  environment_["PORT"] = "5432";
  EXPECT_EQ(settings("{a: \"${PORT}\", b: $$5}"), R"({"a":"5432","b":"$5"})");
  EXPECT_EQ(handler("        settings:\n          a: ${PORT}\n").settings_json, R"({"a":"5432"})");
}

TEST_F(ConfigSettingsTest, AreCheckedWhileTheyAreWritten) {
  environment_["SECRET"] = "hunter2";
  EXPECT_THAT(problems(with_handler_lines("        settings:\n"
                                          "          a: .inf\n"
                                          "          b: [99999999999999999999, \"${UNSET}\"]\n"
                                          "          a: \"${SECRET}\"\n")),
              ElementsAre("10:14: infinities and NaN have no JSON form; quote it to make it text",
                          "11:15: this integer does not fit 64 bits; quote it to make it text",
                          "11:37: 'b': environment variable 'UNSET' is not set and has no default",
                          "12:11: duplicate key 'a' in settings; the first is at line 10"));
}

}  // namespace
}  // namespace moult::config
