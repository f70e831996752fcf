#pragma once

#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include <sys/eventfd.h>

#include "runtime/base/check.h"
#include "runtime/base/unique_fd.h"

namespace moult {

/// The only way into a thread's state: any thread posts, the owner takes everything at once.
/// wake_fd() is readable from the first post until the next take_all(), so that a burst costs one
/// system call. The bound is the poster's promise (each message type says why it holds); passing
/// it is a broken invariant.
template <typename Message>
class Mailbox {
 public:
  explicit Mailbox(std::size_t bound)
      : bound_(bound), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    MOULT_CHECK(static_cast<bool>(wake_), "eventfd() failed: out of file descriptors");
  }

  void post(Message message) {
    bool was_empty = false;
    {
      const std::lock_guard lock(mutex_);
      was_empty = messages_.empty();
      messages_.push_back(std::move(message));
      MOULT_CHECK(messages_.size() <= bound_, "mailbox bound passed");
    }
    if (was_empty) wake();
  }

  /// Owner thread. Swaps the posted messages into `into` (cleared first), oldest first.
  void take_all(std::vector<Message>& into) {
    into.clear();
    std::uint64_t count = 0;
    // EAGAIN means that nobody posted since the last take.
    [[maybe_unused]] const ssize_t size = ::read(wake_.get(), &count, sizeof count);
    const std::lock_guard lock(mutex_);
    messages_.swap(into);
  }

  /// Wakes the owner without a message.
  void wake() {
    const std::uint64_t one = 1;
    // The counter can't overflow: the owner reads it whole.
    [[maybe_unused]] const ssize_t size = ::write(wake_.get(), &one, sizeof one);
  }

  int wake_fd() const { return wake_.get(); }

 private:
  // Constant after construction.
  const std::size_t bound_;
  const UniqueFd wake_;

  std::mutex mutex_;
  std::vector<Message> messages_;  // guarded by mutex_
};

}  // namespace moult
