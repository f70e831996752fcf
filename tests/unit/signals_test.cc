#include "runtime/app/signals.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <csignal>
#include <optional>

namespace moult {
namespace {

/// The test process takes its signals as before afterwards.
class SignalsTest : public ::testing::Test {
 protected:
  SignalsTest() { pthread_sigmask(SIG_SETMASK, nullptr, &before_); }
  ~SignalsTest() override { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

TEST_F(SignalsTest, WhatWouldEndTheProcessIsTaken) {
  SignalQueue::block();
  auto queue = SignalQueue::open();
  ASSERT_TRUE(queue.has_value());
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGTTIN, SIGUSR1}) {
    ASSERT_EQ(::raise(signal), 0);
    EXPECT_EQ(queue->take(), signal);
  }
  EXPECT_EQ(queue->take(), std::nullopt);
}

}  // namespace
}  // namespace moult
