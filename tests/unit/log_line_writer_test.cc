#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/observe/line_writer.h"

namespace moult {
namespace {

using testing::ElementsAre;

/// Keeps messages instead of writing them, unless it is broken.
class FakeDestination final : public LogDestination {
 public:
  void format(const LogLine& line, FormattedLine& into) const override {
    into.bytes = line.message;
  }
  bool write(const FormattedLine& line) noexcept override {
    if (!broken) written.push_back(line.bytes);
    return !broken;
  }

  bool broken = false;
  std::vector<std::string> written;
};

class LineWriterTest : public testing::Test {
 protected:
  QueuedLine admitted(std::string text, std::uint64_t dropped_before = 0) {
    EXPECT_TRUE(gate_.admit(text.size()));
    return {.line = {.bytes = std::move(text), .field_ends = {}}, .dropped_before = dropped_before};
  }

  FakeDestination destination_;
  LogQueueGate gate_;
  LineWriter writer_{destination_, gate_};
};

TEST_F(LineWriterTest, FinishesEveryLine) {
  writer_.write(admitted("a"));
  destination_.broken = true;
  writer_.write(admitted("b"));
  EXPECT_EQ(gate_.unfinished(), 0u);
}

TEST_F(LineWriterTest, ReportsDroppedLinesWhereTheyAreMissing) {
  const QueuedLine first = admitted("a");
  const QueuedLine second = admitted("b", 7);
  writer_.write(first);
  writer_.write(second);
  EXPECT_THAT(destination_.written, ElementsAre("a", "7 log lines dropped", "b"));
}

TEST_F(LineWriterTest, ReportsBehindTheLastLineOfTheQueueOnly) {
  const QueuedLine first = admitted("a");
  const QueuedLine second = admitted("b");
  gate_.count_dropped(3);
  writer_.write(first);
  EXPECT_THAT(destination_.written, ElementsAre("a"));
  writer_.write(second);
  EXPECT_THAT(destination_.written, ElementsAre("a", "b", "3 log lines dropped"));
}

TEST_F(LineWriterTest, AddsUpWhatABrokenDestinationLost) {
  destination_.broken = true;
  writer_.write(admitted("a", 2));
  writer_.write(admitted("b"));
  destination_.broken = false;
  writer_.write(admitted("c"));
  writer_.write(admitted("d"));
  EXPECT_THAT(destination_.written, ElementsAre("4 log lines dropped", "c", "d"));
}

TEST_F(LineWriterTest, ReportsTheRestAtTheEnd) {
  gate_.count_dropped(1);
  writer_.finish();
  writer_.finish();
  EXPECT_THAT(destination_.written, ElementsAre("1 log lines dropped"));
}

}  // namespace
}  // namespace moult
