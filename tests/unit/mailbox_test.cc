#include "runtime/base/mailbox.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

namespace moult {
namespace {

bool readable(int fd) {
  pollfd poll_fd{fd, POLLIN, 0};
  return ::poll(&poll_fd, 1, 0) == 1;
}

TEST(Mailbox, IsReadableFromTheFirstPostToTheTake) {
  Mailbox<int> mailbox(8);
  std::vector<int> taken;
  EXPECT_FALSE(readable(mailbox.wake_fd()));
  mailbox.post(1);
  mailbox.post(2);
  EXPECT_TRUE(readable(mailbox.wake_fd()));
  mailbox.take_all(taken);
  EXPECT_EQ(taken, (std::vector<int>{1, 2}));
  EXPECT_FALSE(readable(mailbox.wake_fd()));
}

TEST(Mailbox, LosesNothingBetweenThreads) {
  constexpr int kPosts = 20'000;
  constexpr std::size_t kAll = 2ULL * kPosts;
  Mailbox<int> mailbox(kAll);
  const auto post = [&] {
    for (int i = 0; i < kPosts; ++i) mailbox.post(i);
  };
  std::thread first(post);
  std::thread second(post);
  std::vector<int> batch;
  std::size_t total = 0;
  while (total < kAll) {
    pollfd poll_fd{mailbox.wake_fd(), POLLIN, 0};
    // A post without a wake-up would hang here.
    ASSERT_EQ(::poll(&poll_fd, 1, 60'000), 1);
    mailbox.take_all(batch);
    total += batch.size();
  }
  first.join();
  second.join();
  EXPECT_EQ(total, kAll);
}

TEST(MailboxDeathTest, DiesPastItsBound) {
  Mailbox<int> mailbox(1);
  mailbox.post(1);
  EXPECT_DEATH(mailbox.post(2), "mailbox bound passed");
}

}  // namespace
}  // namespace moult
