#include <gtest/gtest.h>

#include <string>

#include "runtime/observe/escape.h"
#include "runtime/observe/log_line.h"

namespace moult {
namespace {

constexpr std::size_t kNoBound = 1'000;

std::string escaped(std::string_view text, Quotes quotes = Quotes::kEscape,
                    std::size_t bound = kNoBound) {
  std::string out;
  append_escaped(out, text, quotes, bound);
  return out;
}

std::string valid(std::string_view text) {
  std::string out;
  append_valid_utf8(out, text, kNoBound);
  return out;
}

TEST(LogEscape, KeepsOrdinaryText) {
  EXPECT_EQ(escaped("orders.created [3] @ 42 – Grüße 日本 😀"),
            "orders.created [3] @ 42 – Grüße 日本 😀");
}

TEST(LogEscape, EscapesWhatEndsALineOrSteersATerminal) {
  EXPECT_EQ(escaped("a\nb\rc\td\\e"), R"(a\nb\rc\td\\e)");
  EXPECT_EQ(escaped(std::string_view("\0\x1b[2J\x7f", 6)), R"(\u0000\u001b[2J\u007f)");
  EXPECT_EQ(escaped("\u0085\u009b"), R"(\u0085\u009b)");
  EXPECT_EQ(escaped("\u2028\u2029\u202e\u2066"), R"(\u2028\u2029\u202e\u2066)");
}

TEST(LogEscape, EscapesQuotesOnlyWhenAsked) {
  EXPECT_EQ(escaped(R"(say "x")", Quotes::kEscape), R"(say \"x\")");
  EXPECT_EQ(escaped(R"(say "x")", Quotes::kKeep), R"(say "x")");
}

TEST(LogEscape, ReplacesInvalidUtf8) {
  EXPECT_EQ(valid("a\x80z"), "a\uFFFDz");                                // a continuation alone
  EXPECT_EQ(valid("a\xFFz"), "a\uFFFDz");                                // never a byte of UTF-8
  EXPECT_EQ(valid("a\xC0\xAFz"), "a\uFFFD\uFFFDz");                      // overlong
  EXPECT_EQ(valid("a\xED\xA0\x80z"), "a\uFFFD\uFFFD\uFFFDz");            // a surrogate
  EXPECT_EQ(valid("a\xF4\x90\x80\x80z"), "a\uFFFD\uFFFD\uFFFD\uFFFDz");  // above U+10FFFF
  EXPECT_EQ(valid("a\xE2\x82z"), "a\uFFFDz");    // broken off: one for the part
  EXPECT_EQ(valid("a\xF0\x9F\x98"), "a\uFFFD");  // broken off at the end
}

TEST(LogEscape, CutsBetweenCharactersAndShowsIt) {
  EXPECT_EQ(escaped("abcdef", Quotes::kEscape, 6), "abcdef");
  EXPECT_EQ(escaped("abcdef", Quotes::kEscape, 5), "abcde…");
  EXPECT_EQ(escaped("ab€f", Quotes::kEscape, 4), "ab…");
  EXPECT_EQ(escaped("\x80\x80\x80\x80\x80\x80", Quotes::kEscape, 5), "\uFFFD\uFFFD…");
}

TEST(LogEscape, PlainKeysCannotForgeFields) {
  std::string out;
  append_plain_key(out, "a b=c\n\"d.e-f_9");
  EXPECT_EQ(out, "a_b_c__d.e-f_9");
  out.clear();
  append_plain_key(out, "");
  EXPECT_EQ(out, "_");
}

}  // namespace
}  // namespace moult
