#pragma once

#include <atomic>
#include <cstdint>

namespace moult {

/// What a worker thread is doing for whom, for the report of a crash. The strings have to live as
/// long as the InHandScope that names them.
struct InHand {
  const char* handler = nullptr;  // of the config; nullptr: nothing in hand
  const char* call = nullptr;     // the plugin's function: "consume", "create", …
  const char* build_id = nullptr;
  const char* topic = nullptr;
  std::int32_t partition = -1;
  std::int64_t first = -1;  // offsets of the batch, both inclusive; -1: the call has no batch
  std::int64_t last = -1;
};

/// Static state, because a signal handler has no other way to what its thread was doing. Constant
/// initialisation and initial-exec make reading it a plain load: async-signal-safe.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local InHand in_hand;

/// Says what this thread has in hand while a plugin's function runs: seven stores a call. Scopes of
/// one thread don't nest.
class InHandScope {
 public:
  /// The name of the handler is what says that the rest is valid, so it is written last; the fences
  /// keep the compiler, and there is nobody but this thread's signal handlers, to that order.
  explicit InHandScope(const InHand& what) noexcept {
    in_hand.call = what.call;
    in_hand.build_id = what.build_id;
    in_hand.topic = what.topic;
    in_hand.partition = what.partition;
    in_hand.first = what.first;
    in_hand.last = what.last;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    in_hand.handler = what.handler;
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  InHandScope(const InHandScope&) = delete;
  InHandScope& operator=(const InHandScope&) = delete;
  ~InHandScope() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    in_hand.handler = nullptr;
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
};

}  // namespace moult
