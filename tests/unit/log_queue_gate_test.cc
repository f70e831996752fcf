#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "runtime/observe/futex_counter.h"
#include "runtime/observe/log_queue_gate.h"

namespace moult {
namespace {

void fill(LogQueueGate& gate) {
  for (std::uint32_t line = 0; line < kMaxQueuedLogLines; ++line) ASSERT_TRUE(gate.admit(1));
}

TEST(LogQueueGate, LetsInExactlyItsBoundOfLines) {
  LogQueueGate gate;
  fill(gate);
  EXPECT_EQ(gate.unfinished(), kMaxQueuedLogLines);
  EXPECT_TRUE(gate.is_open());  // it learns that it is full from the first line that doesn't fit
  EXPECT_FALSE(gate.admit(1));
  EXPECT_FALSE(gate.is_open());
}

TEST(LogQueueGate, OpensAgainAtHalf) {
  LogQueueGate gate;
  fill(gate);
  EXPECT_FALSE(gate.admit(1));
  for (std::uint32_t line = 0; line < kMaxQueuedLogLines / 2 - 1; ++line) gate.finish(1);
  EXPECT_FALSE(gate.is_open());
  gate.finish(1);
  EXPECT_TRUE(gate.is_open());
  EXPECT_TRUE(gate.admit(1));
}

TEST(LogQueueGate, BoundsBytesToo) {
  LogQueueGate gate;
  EXPECT_TRUE(gate.admit(kMaxQueuedLogBytes - 10));
  EXPECT_FALSE(gate.admit(11));
  EXPECT_FALSE(gate.is_open());
  gate.finish(kMaxQueuedLogBytes - 10);
  EXPECT_TRUE(gate.is_open());
  EXPECT_TRUE(gate.admit(kMaxQueuedLogBytes));
}

TEST(LogQueueGate, HandsOutDroppedLinesOnce) {
  LogQueueGate gate;
  gate.count_dropped(2);
  gate.count_dropped(3);
  EXPECT_EQ(gate.take_dropped(), 5u);
  EXPECT_EQ(gate.take_dropped(), 0u);
}

TEST(LogQueueGate, WaitsForWhatWasLetInBefore) {
  LogQueueGate gate;
  EXPECT_TRUE(gate.wait_finished(Milliseconds(0)));
  ASSERT_TRUE(gate.admit(1));
  EXPECT_FALSE(gate.wait_finished(Milliseconds(10)));
  std::thread writer([&gate] { gate.finish(1); });
  EXPECT_TRUE(gate.wait_finished(Duration::max()));
  writer.join();
}

TEST(FutexCounter, WakesEveryWaiter) {
  FutexCounter counter;
  bool first = false;
  bool second = false;
  std::thread a([&] { first = counter.wait_for(2, std::chrono::seconds(30)); });
  std::thread b([&] { second = counter.wait_for(1, std::chrono::seconds(30)); });
  counter.advance();
  counter.advance();
  a.join();
  b.join();
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
}

}  // namespace
}  // namespace moult
