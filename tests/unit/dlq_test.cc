// What is pure of `moult dlq`: the filter, the position of a replay, what is printed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "runtime/app/dead_letter_text.h"
#include "runtime/kafka/found_dead_letter.h"
#include "runtime/kafka/replay_position.h"

namespace moult {
namespace {

using kafka::DeadLetterFilter;
using kafka::FoundDeadLetter;
using kafka::ListedDeadLetter;
using kafka::ReplayPosition;
using ::testing::HasSubstr;

FoundDeadLetter letter() {
  FoundDeadLetter letter;
  letter.place = {"orders.dlq", 1};
  letter.offset = 7;
  letter.died_at_ms = 1'700'000'000'123;
  letter.origin = {"orders", 2};
  letter.origin_offset = 41;
  letter.handler = "orders";
  letter.group = "shop";
  letter.attempts = "4";
  letter.error_code = "7";
  letter.error = "no \"stock\"\n";
  letter.key = std::string("k\x1b", 2);
  return letter;
}

TEST(DeadLetterFilter, TakesTheLettersOfItsHandlerAlone) {
  EXPECT_TRUE((DeadLetterFilter{"shop", "orders", ""}.matches(letter())));
  EXPECT_FALSE((DeadLetterFilter{"shop", "order", ""}.matches(letter())));
  EXPECT_FALSE((DeadLetterFilter{"other", "orders", ""}.matches(letter())));
  FoundDeadLetter trimmed = letter();
  trimmed.group.clear();
  EXPECT_TRUE((DeadLetterFilter{"shop", "orders", ""}.matches(trimmed)));
}

TEST(DeadLetterFilter, TakesAnErrorByItsCodeOrAPartOfItsText) {
  EXPECT_TRUE((DeadLetterFilter{"shop", "orders", "7"}.matches(letter())));
  EXPECT_TRUE((DeadLetterFilter{"shop", "orders", "stock"}.matches(letter())));
  EXPECT_FALSE((DeadLetterFilter{"shop", "orders", "8"}.matches(letter())));
  EXPECT_FALSE((DeadLetterFilter{"shop", "orders", "Stock"}.matches(letter())));
}

TEST(ReplayPosition, GrowsOverWhatIsFinishedInOrder) {
  ReplayPosition position(10);
  position.finish(10, 12);
  EXPECT_EQ(position.next(), 12);
  EXPECT_EQ(position.metadata(), "");
  position.finish(20, 21);
  EXPECT_EQ(position.next(), 12);
  EXPECT_TRUE(position.done(20));
  EXPECT_FALSE(position.done(19));
  EXPECT_FALSE(position.done(21));
  EXPECT_EQ(position.open(0, 30), 17);
  position.finish(12, 20);
  EXPECT_EQ(position.next(), 21);
  EXPECT_EQ(position.metadata(), "");
}

TEST(ReplayPosition, IsTheSameAfterTheBroker) {
  ReplayPosition position(5);
  position.finish(6, 7);
  position.finish(40, 10'000);
  position.finish(kNoOffsetLimit - 2, kNoOffsetLimit);
  const auto read = ReplayPosition::parse(position.next(), position.metadata());
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, position);
}

TEST(ReplayPosition, RefusesAForeignText) {
  for (const char* text : {"x", "moult1:B", "moult1:AB", "moult1:B!", "moult1:ggggggggggggggggB"}) {
    EXPECT_FALSE(ReplayPosition::parse(5, text)) << text;
  }
  EXPECT_TRUE(ReplayPosition::parse(5, ""));
}

TEST(ReplayPosition, HoldsTwoThousandSingleRuns) {
  ReplayPosition position(0);
  for (Offset offset = 1; offset <= 4'000; offset += 2) position.finish(offset, offset + 1);
  EXPECT_TRUE(position.fits());
  for (Offset offset = 4'001; offset <= 6'000; offset += 2) position.finish(offset, offset + 1);
  EXPECT_FALSE(position.fits());
}

TEST(ReplayPosition, AgreesWithASet) {
  std::minstd_rand random(1);
  for (int round = 0; round < 200; ++round) {
    ReplayPosition position(0);
    std::set<Offset> done;
    for (int step = 0; step < 40; ++step) {
      const Offset begin = static_cast<Offset>(random() % 100);
      const Offset end = begin + static_cast<Offset>(random() % 6);
      position.finish(begin, end);
      for (Offset at = begin; at < end; ++at) done.insert(at);
      Offset open = 0;
      for (Offset at = 0; at < 110; ++at) {
        ASSERT_EQ(position.done(at), done.contains(at)) << at;
        open += done.contains(at) ? 0 : 1;
      }
      ASSERT_EQ(position.open(0, 110), open);
      ASSERT_EQ(ReplayPosition::parse(position.next(), position.metadata()).value(), position);
    }
  }
}

TEST(DeadLetterText, ShowsALineALetterAndWhatWaits) {
  EXPECT_EQ(dead_letters_as_text({{letter(), false}}, {{"orders", "orders.dlq", 3, false}}),
            "2023-11-14T22:13:20.123Z  orders  orders[2]@41  attempts 4  "
            "error 7 \"no \\\"stock\\\"\\n\"  key \"k\\u001b\"\n"
            "orders: 3 waiting to be replayed (orders.dlq)\n");
}

TEST(DeadLetterText, SaysWhatIsMissing) {
  FoundDeadLetter bare = letter();
  bare.key.reset();
  bare.attempts.clear();
  bare.error_code.clear();
  bare.error.clear();
  bare.died_at_ms = -1;
  EXPECT_EQ(dead_letters_as_text({{bare, true}}, {{"orders", "orders.dlq", 3, true}}),
            "-  orders  orders[2]@41  attempts -  error - \"\"  key -  (replayed)\n"
            "orders: at most 3 waiting to be replayed (orders.dlq)\n");
}

TEST(DeadLetterText, CutsALongKey) {
  FoundDeadLetter big = letter();
  big.key = std::string(200, 'x');
  EXPECT_THAT(dead_letters_as_text({{big, false}}, {}),
              HasSubstr("key \"" + std::string(64, 'x') + "\xE2\x80\xA6\"\n"));
}

TEST(DeadLetterText, IsJsonWhateverTheBytes) {
  FoundDeadLetter odd = letter();
  odd.error = "\xFF\"";
  EXPECT_EQ(
      dead_letters_as_json({{odd, true}}, {{"orders", "orders.dlq", 3, false}}),
      R"({"dead_letters":[{"time":"2023-11-14T22:13:20.123Z","handler":"orders","group":"shop",)"
      R"("origin":{"topic":"orders","partition":2,"offset":41},)"
      R"("dead_letter":{"topic":"orders.dlq","partition":1,"offset":7},"attempts":"4",)"
      "\"error_code\":\"7\",\"error\":\"\xEF\xBF\xBD\\\"\",\"key\":\"k\\u001b\",\"value_size\":0,"
      R"("replayed":true}],"waiting":[{"handler":"orders","topic":"orders.dlq","count":3,)"
      "\"at_most\":false,\"topic_exists\":true}]}\n");
}

TEST(DeadLetterText, KeepsTheNewest) {
  std::vector<ListedDeadLetter> letters(3, {letter(), false});
  letters[1].letter.died_at_ms += 5;
  letters[2].letter.died_at_ms -= 5;
  kafka::keep_newest(letters, 2);
  ASSERT_EQ(letters.size(), 2U);
  EXPECT_EQ(letters[0].letter.died_at_ms, letter().died_at_ms + 5);
  EXPECT_EQ(letters[1].letter.died_at_ms, letter().died_at_ms);
}

TEST(DeadLetterText, SumsAReplayUp) {
  kafka::ReplayCounts counts;
  counts.replayed = 3;
  counts.left = 2;
  EXPECT_EQ(replay_summary(counts, false), "replayed 3, passed over 0, left 2\n");
  counts.left_at_most = true;
  EXPECT_EQ(replay_summary(counts, true),
            "would replay 3, passed over 0, left at most 2 (dry run: nothing was changed)\n");
}

}  // namespace
}  // namespace moult
