#include "runtime/dispatch/offset_tracker.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace moult {
namespace {

/// The same as a tracker, as plainly as it can be said.
struct Model {
  std::optional<Offset> next;
  std::set<Offset> unfinished;

  void received(OffsetRange range) {
    next = range.end;
    for (Offset offset = range.begin; offset < range.end; ++offset) unfinished.insert(offset);
  }
  void finished(OffsetRange range) {
    std::erase_if(unfinished, [&](Offset it) { return it >= range.begin && it < range.end; });
  }
  void advance_to(Offset position) { next = std::max(next.value_or(position), position); }
  std::optional<Offset> watermark() const {
    return unfinished.empty() ? next : std::optional(*unfinished.begin());
  }
};

class Pair {
 public:
  void receive() {
    const Offset begin = model_.next.value_or(0) + *rc::gen::inRange<Offset>(0, 4);
    const OffsetRange range{begin, begin + *rc::gen::inRange<Offset>(1, 8)};
    tracker_.received(range);
    model_.received(range);
  }

  /// Any range below what was received: it may hold gaps and what is finished already.
  void finish() {
    if (!model_.next) return;
    const Offset begin = *rc::gen::inRange<Offset>(0, *model_.next + 1);
    const OffsetRange range{begin, *rc::gen::inRange<Offset>(begin, *model_.next + 1)};
    tracker_.finished(range);
    model_.finished(range);
  }

  void advance() {
    const Offset position = *rc::gen::inRange<Offset>(0, model_.next.value_or(0) + 10);
    tracker_.advance_to(position);
    model_.advance_to(position);
  }

  void compare() const {
    RC_ASSERT(tracker_.watermark() == model_.watermark());
    RC_ASSERT(tracker_.all_finished() == model_.unfinished.empty());
    for (Offset begin = 0; begin < 40; ++begin) {
      const bool back = model_.next && begin < *model_.next;
      RC_ASSERT(tracker_.precedes({begin, begin + 1}) == back);
    }
  }

  std::optional<Offset> watermark() const { return tracker_.watermark(); }

 private:
  OffsetTracker tracker_;
  Model model_;
};

RC_GTEST_PROP(OffsetTrackerProperty, KnowsWhatTheSetKnows,
              (const std::vector<std::uint8_t>& steps)) {
  Pair pair;
  std::optional<Offset> before;
  for (const std::uint8_t step : steps) {
    if (step % 8 < 3) pair.receive();
    if (step % 8 >= 3 && step % 8 < 7) pair.finish();
    if (step % 8 == 7) pair.advance();
    pair.compare();
    RC_ASSERT(!before || pair.watermark() >= before);
    before = pair.watermark();
  }
}

TEST(OffsetTrackerTest, KnowsNothingAtFirst) {
  const OffsetTracker tracker;
  EXPECT_EQ(tracker.watermark(), std::nullopt);
  EXPECT_TRUE(tracker.all_finished());
  EXPECT_FALSE(tracker.precedes({0, 1}));
}

TEST(OffsetTrackerDeathTest, RecordsThatGoBack) {
  OffsetTracker tracker;
  tracker.received({5, 9});
  EXPECT_DEATH(tracker.received({8, 10}), "records went back");
  EXPECT_DEATH(tracker.received({9, 9}), "an empty range was received");
  EXPECT_DEATH(tracker.finished({5, 10}), "finished what was never received");
}

}  // namespace
}  // namespace moult
