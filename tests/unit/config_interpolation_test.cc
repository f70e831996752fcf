#include "runtime/config/interpolation.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/config_fixture.h"

namespace moult::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// A file in a folder of its own, gone with the test.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& contents) {
    std::string folder = std::filesystem::temp_directory_path() / "config_test.XXXXXX";
    folder_ = ::mkdtemp(folder.data());
    std::ofstream(path(), std::ios::binary) << contents;
  }
  ~ScratchFile() { std::filesystem::remove_all(folder_); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  std::string path() const { return folder_ / "file"; }
  std::string reference() const { return "${file:" + path() + "}"; }

 private:
  std::filesystem::path folder_;
};

class ConfigInterpolationTest : public ConfigTest {
 protected:
  std::string resolve(std::string_view text) {
    Interpolator interpolator(context_.environment);
    const auto resolved = interpolator.resolve(text);
    return resolved ? *resolved : "error: " + resolved.error().at(0);
  }
};

TEST_F(ConfigInterpolationTest, PutsVariablesIn) {
  environment_ = {{"A", "one"}, {"_b2", "two"}, {"EMPTY", ""}};
  EXPECT_EQ(resolve("${A}"), "one");
  EXPECT_EQ(resolve("<${A}-${_b2}>"), "<one-two>");
  EXPECT_EQ(resolve("${EMPTY}"), "");
  EXPECT_EQ(resolve(""), "");
  EXPECT_EQ(resolve("plain"), "plain");
}

TEST_F(ConfigInterpolationTest, DefaultsStandInForUnsetAndEmpty) {
  environment_ = {{"A", "one"}, {"EMPTY", ""}};
  EXPECT_EQ(resolve("${A:-x}"), "one");
  EXPECT_EQ(resolve("${EMPTY:-x}"), "x");
  EXPECT_EQ(resolve("${UNSET:-localhost:9092}"), "localhost:9092");
  EXPECT_EQ(resolve("${UNSET:-}"), "");
  EXPECT_EQ(resolve("${UNSET:-a$$b:-c}"), "a$b:-c");
}

TEST_F(ConfigInterpolationTest, DollarsAreEscapedByDollars) {
  environment_ = {{"A", "one"}};
  EXPECT_EQ(resolve("$$"), "$");
  EXPECT_EQ(resolve("$${A}"), "${A}");
  EXPECT_EQ(resolve("$$${A}"), "$one");
  EXPECT_EQ(resolve("$$$$"), "$$");
}

TEST_F(ConfigInterpolationTest, ALoneDollarIsItself) {
  EXPECT_EQ(resolve("^orders$"), "^orders$");
  EXPECT_EQ(resolve("^(a$|b$)"), "^(a$|b$)");
  EXPECT_EQ(resolve("$A"), "$A");
}

TEST_F(ConfigInterpolationTest, WhatWasPutInIsNotLookedAtAgain) {
  environment_ = {{"A", "${B} $$ ${file:/etc/hostname}"}, {"B", "no"}};
  EXPECT_EQ(resolve("${A}"), "${B} $$ ${file:/etc/hostname}");
  const ScratchFile file("${B}$$");
  EXPECT_EQ(resolve(file.reference()), "${B}$$");
}

TEST_F(ConfigInterpolationTest, AnUnsetVariableIsNamed) {
  EXPECT_EQ(resolve("x${KAFKA_BROKERS}y"),
            "error: environment variable 'KAFKA_BROKERS' is not set and has no default");
}

TEST_F(ConfigInterpolationTest, EveryErrorOfAScalarIsFound) {
  Interpolator interpolator(context_.environment);
  const auto resolved = interpolator.resolve("${A} ${B}");
  ASSERT_FALSE(resolved.has_value());
  EXPECT_THAT(resolved.error(), ElementsAre(HasSubstr("'A'"), HasSubstr("'B'")));
}

TEST_F(ConfigInterpolationTest, MalformedOnesAreRefusedWithoutRepeatingThem) {
  for (const char* const text :
       {"hunter2${", "hunter2${A", "${}hunter2", "${1hunter2}", "${A-hunter2}", "${A hunter2}",
        "${A:hunter2}", "${A:-${hunter2}}", "${FILE:/hunter2}"}) {
    EXPECT_THAT(resolve(text), HasSubstr("error: ")) << text;
    EXPECT_THAT(resolve(text), Not(HasSubstr("hunter2"))) << text;
  }
}

TEST_F(ConfigInterpolationTest, ReadsFilesLessOneNewline) {
  EXPECT_EQ(resolve(ScratchFile("secret\n").reference()), "secret");
  EXPECT_EQ(resolve(ScratchFile("secret").reference()), "secret");
  EXPECT_EQ(resolve(ScratchFile("a\nb\n\n").reference()), "a\nb\n");
  EXPECT_EQ(resolve(ScratchFile("").reference()), "");
  const ScratchFile twice("x\n");
  EXPECT_EQ(resolve(twice.reference() + twice.reference()), "xx");
}

TEST_F(ConfigInterpolationTest, FilesAreCapped) {
  const ScratchFile largest(std::string(Interpolator::kMaxFileBytes, 'x'));
  EXPECT_EQ(resolve(largest.reference()).size(), Interpolator::kMaxFileBytes);
  const ScratchFile bigger(std::string(Interpolator::kMaxFileBytes + 1, 'x'));
  EXPECT_THAT(resolve(bigger.reference()), HasSubstr("Larger than 1048576 bytes"));
}

TEST_F(ConfigInterpolationTest, TheTotalIsCapped) {
  environment_["BIG"] = std::string(Interpolator::kMaxFileBytes, 'x');
  std::string text;
  for (int times = 0; times < 8; ++times) text += "${BIG}";
  EXPECT_EQ(resolve(text).size(), Interpolator::kMaxTotalBytes);
  EXPECT_THAT(resolve(text + "${BIG}"), HasSubstr("put in more than 8388608 bytes"));
}

TEST_F(ConfigInterpolationTest, FilesThatCannotBeReadAreNamed) {
  EXPECT_EQ(resolve("${file:/no/where}"),
            "error: can't read '/no/where': No such file or directory");
  EXPECT_EQ(resolve("${file:/}"), "error: can't read '/': Is a directory");
  EXPECT_EQ(resolve("${file:}"), "error: '${file:}' needs an absolute path");
  EXPECT_EQ(resolve("${file:here}"), "error: '${file:}' needs an absolute path");
}

TEST_F(ConfigInterpolationTest, APipeIsRefusedAtOnce) {
  const ScratchFile neighbour("");
  const std::string pipe = neighbour.path() + ".pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(resolve("${file:" + pipe + "}"),
            "error: can't read '" + pipe + "': Not a regular file");
}

TEST_F(ConfigInterpolationTest, WhatIsNotTextIsRefused) {
  environment_ = {{"LATIN", "caf\xE9"}, {"NUL", std::string("a\0b", 3)}};
  EXPECT_EQ(resolve("${LATIN}"), "error: the contents of variable 'LATIN' are not UTF-8 text");
  EXPECT_EQ(resolve("${NUL}"), "error: the contents of variable 'NUL' are not UTF-8 text");
  EXPECT_THAT(resolve(ScratchFile("\xFF").reference()), HasSubstr("are not UTF-8 text"));
}

TEST_F(ConfigInterpolationTest, AnInterpolatedValueStaysOneValue) {
  environment_["EVIL"] = "x, workers: 9}\nname: y\n- z";
  EXPECT_EQ(handler("        settings: {a: \"${EVIL}\"}\n").settings_json,
            R"({"a":"x, workers: 9}\nname: y\n- z"})");
}

TEST_F(ConfigInterpolationTest, KeysAreNotInterpolated) {
  environment_["KEY"] = "workers";
  EXPECT_THAT(problems(with_handler_lines("        ${KEY}: 2\n")),
              ElementsAre(HasSubstr("9:9: unknown key '${KEY}' in handler")));
}

TEST_F(ConfigInterpolationTest, NoProblemShowsWhatAVariableHolds) {
  environment_["SECRET"] = "hunter2";
  const auto found = problems(
      "commit_interval: ${SECRET}\n"
      "topic_prefix: /${SECRET}\n"
      "log: {level: \"${SECRET}\"}\n"
      "kafka: {bootstrap.servers: b}\n"
      "consumers:\n"
      "  - group: \"\\n${SECRET}\"\n"
      "    handlers:\n"
      "      - {name: \"/${SECRET}\", plugin: p, topics: [\"^(${SECRET}\", \"/${SECRET}\"], "
      "workers: \"${SECRET}\", batch: {max_bytes: \"${SECRET}\"}}\n");
  EXPECT_EQ(found.size(), 9U);
  EXPECT_THAT(found, ::testing::Each(Not(HasSubstr("hunter2"))));
}

}  // namespace
}  // namespace moult::config
