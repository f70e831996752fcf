#include <fmt/format.h>

#include "runtime/config/yaml_reader.h"
#include "tests/unit/config_fixture.h"

namespace moult::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ConfigYamlTest : public ConfigTest {};

TEST_F(ConfigYamlTest, SyntaxErrorsHaveAPlace) {
  EXPECT_THAT(problems("a: [1, 2\nb: 3\n"), ElementsAre(HasSubstr(": not YAML: ")));
  EXPECT_THAT(problems("a: b: c\n"), ElementsAre("1:5: not YAML: illegal map value"));
  EXPECT_THAT(problems("a: \"x"), ElementsAre(HasSubstr("not YAML: illegal EOF in scalar")));
  EXPECT_THAT(problems("a: \"\\q\"\n"), ElementsAre(HasSubstr("1:7: not YAML: unknown escape")));
  EXPECT_THAT(problems("\ta: 1\n"), SizeIs(1));
}

TEST_F(ConfigYamlTest, AFileCutOffInsideQuotesIsAProblem) {
  for (const char* const text : {"a: \"x\n", "a: 'x\n", "b: 'it''s'\na: 'x''\n", "\"a\\\"\n"}) {
    EXPECT_THAT(problems(text), ElementsAre(HasSubstr("quoted text that begins here has no end")))
        << text;
  }
  EXPECT_THAT(problems("\xEF\xBB\xBF"
                       "a: \"x\n"),
              ElementsAre("1:4: not YAML: the quoted text that begins here has no end"));
  EXPECT_THAT(handler("        settings: {a: 'it''s', \"b\\\"\": \"x\n  y\"}\n").settings_json,
              R"({"a":"it's","b\"":"x y"})");
}

TEST_F(ConfigYamlTest, AnEmptyFileIsAProblem) {
  EXPECT_THAT(problems(""), ElementsAre("1:1: the file is empty"));
  EXPECT_THAT(problems("# nothing\n"), SizeIs(1));
}

TEST_F(ConfigYamlTest, ASecondDocumentIsAProblem) {
  EXPECT_THAT(problems(with_handler_lines("") + "---\na: 1\n"),
              ElementsAre("10:1: a second YAML document; a config file holds one"));
  EXPECT_THAT(problems("---\n" + with_handler_lines("") + "...\n"), IsEmpty());
}

TEST_F(ConfigYamlTest, AnchorsAliasesAndTagsAreRefused) {
  EXPECT_THAT(problems("a: &x 1\nb: *x\nc: !!str 5\nd: !own {}\n"),
              ElementsAre("1:4: anchors are not supported",
                          "2:4: aliases are not supported; write the value out",
                          HasSubstr("3:4: tags are not supported"),
                          HasSubstr("4:4: tags are not supported")));
}

TEST_F(ConfigYamlTest, AnAliasBombStaysSmall) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int level = 1; level < 30; ++level) {
    bomb += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}]\n", level, level - 1);
  }
  EXPECT_THAT(problems(bomb), SizeIs(30 + 29 * 3));
}

TEST_F(ConfigYamlTest, DeepNestingIsRefused) {
  const std::string opening(400'000, '[');
  EXPECT_THAT(problems(opening), SizeIs(1));
  EXPECT_THAT(problems("a: " + std::string(40, '[') + std::string(40, ']')),
              ElementsAre("1:35: lists and maps nested deeper than 32 levels"));
  std::string indented;
  for (int level = 0; level < 1'000; ++level) indented += std::string("- ");
  EXPECT_THAT(problems(indented), ElementsAre(HasSubstr("nested deeper than 32 levels")));
  std::string maps;
  for (int level = 0; level < 1'000; ++level) {
    maps += std::string(static_cast<std::size_t>(level), ' ') + "a:\n";
  }
  EXPECT_THAT(problems(maps), ElementsAre(HasSubstr("nested deeper than 32 levels")));
}

TEST_F(ConfigYamlTest, SettingsMayBeAsDeepAsTheLimit) {
  const std::size_t levels =
      kMaxDepth - 6;  // top, consumers, consumer, handlers, handler, settings
  EXPECT_EQ(handler("        settings: {a: " + std::string(levels, '[') + std::string(levels, ']') +
                    "}\n")
                .settings_json,
            "{\"a\":" + std::string(levels, '[') + std::string(levels, ']') + "}");
}

TEST_F(ConfigYamlTest, ManyValuesAreRefused) {
  std::string list = "a: [";
  for (std::size_t count = 0; count <= kMaxNodes; ++count) list += "x,";
  EXPECT_THAT(problems(list + "]\n"), ElementsAre(HasSubstr("more than 100000 values")));
}

TEST_F(ConfigYamlTest, BigFilesAreRefused) {
  const std::string comment(kMaxFileBytes - with_handler_lines("#").size(), 'x');
  EXPECT_THAT(problems(with_handler_lines("#" + comment)), IsEmpty());
  EXPECT_THAT(problems(with_handler_lines("#" + comment + "x")),
              ElementsAre("0:0: Larger than 1048576 bytes"));
}

TEST_F(ConfigYamlTest, OnlyTextIsYaml) {
  EXPECT_THAT(problems("a: 1\nbä: \xFF\n"), ElementsAre("2:6: not UTF-8"));
  EXPECT_THAT(problems("a: \xED\xA0\x80\n"), ElementsAre("1:4: not UTF-8"));
  EXPECT_THAT(problems(std::string("a: \0", 4)),
              ElementsAre("1:4: control character '\\x00' in the file"));
  EXPECT_THAT(problems(std::string("\xFF\xFE"
                                   "a\0",
                                   4)),
              ElementsAre("1:1: not UTF-8"));
}

TEST_F(ConfigYamlTest, NothingIsHiddenBehindTheParsersEndMark) {
  EXPECT_THAT(problems(with_handler_lines("") + "\x04\nunknown: 1\n"),
              ElementsAre("9:1: control character '\\x04' in the file"));
}

TEST_F(ConfigYamlTest, KeysAreText) {
  EXPECT_THAT(problems("? [a]\n: 1\n~: 2\n"), ElementsAre("1:3: a key must be text, but is a list",
                                                          "3:1: a key must be text, but is empty"));
}

TEST_F(ConfigYamlTest, UnusualKeysAreShownOnOneShortLine) {
  const auto found = problems(with_top_lines("\"a\\nb\": 1\n" + std::string(500, 'k') + ": 1\n"));
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_THAT(found[0], HasSubstr("unknown key 'a\\x0ab' in"));
  EXPECT_THAT(found[1], HasSubstr("unknown key '" + std::string(80, 'k') + "…' in"));
}

TEST_F(ConfigYamlTest, WindowsLineEndsAndByteOrderMarksAreFine) {
  std::string text = with_handler_lines("");
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) {
    text.replace(at, 1, "\r\n");
  }
  EXPECT_THAT(problems(text), IsEmpty());
  EXPECT_THAT(problems("\xEF\xBB\xBF" + text), IsEmpty());
}

}  // namespace
}  // namespace moult::config
