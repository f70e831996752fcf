#include "runtime/observe/log_sink.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <boost/log/attributes/attribute_value_impl.hpp>
#include <boost/log/attributes/value_extraction.hpp>
#include <boost/log/core.hpp>
#include <boost/log/sinks/async_frontend.hpp>
#include <boost/log/sinks/basic_sink_backend.hpp>
#include <boost/log/sinks/bounded_fifo_queue.hpp>
#include <boost/log/sinks/drop_on_overflow.hpp>
#include <boost/make_shared.hpp>

#include "runtime/observe/futex_counter.h"
#include "runtime/observe/line_writer.h"
#include "runtime/observe/log_destination.h"
#include "runtime/observe/log_queue_gate.h"

namespace moult {
namespace {

namespace logging = boost::log;
namespace sinks = boost::log::sinks;

/// Ends the feeding loop when it comes out of the queue, so that every line before it is written.
struct EndOfLog {};

/// What a Boost.Log record carries here: a finished line or the end.
class LineBackend : public sinks::basic_sink_backend<sinks::synchronized_feeding> {
 public:
  LineBackend(LogDestination& destination, LogQueueGate& gate, logging::attribute_name payload)
      : writer_(destination, gate), payload_(payload) {}

  void consume(const logging::record_view& record) {
    const auto line = logging::extract<QueuedLine>(payload_, record);
    // Interruption is the way in which a feeding loop ends without losing what is queued.
    if (!line) throw boost::thread_interrupted();
    writer_.write(*line);
  }

  void finish() noexcept { writer_.finish(); }

 private:
  LineWriter writer_;
  const logging::attribute_name payload_;
};

/// The queue of one sink and the loop that empties it. Uses the logging core for nothing but making
/// records: no sink is registered there, so that several sinks of one process, and a plugin that
/// uses Boost.Log for itself, don't hear one another.
class LineQueue {
 public:
  explicit LineQueue(std::unique_ptr<LogDestination> destination)
      : destination_(std::move(destination)),
        backend_(boost::make_shared<LineBackend>(*destination_, gate_, payload_)),
        frontend_(backend_, false) {}

  /// Any thread.
  void write(const LogLine& line) noexcept;
  void end();
  bool flush(Duration bound) noexcept { return gate_.wait_finished(bound); }
  bool wait_ended(Duration bound) noexcept { return ended_.wait_for(1, bound); }

  /// The sink's thread: returns after end().
  void run() noexcept;

 private:
  // One more than the gate lets in, for the end: so nothing ever overflows inside of Boost.Log,
  // which would not count it.
  using Queue = sinks::bounded_fifo_queue<kMaxQueuedLogLines + 1, sinks::drop_on_overflow>;

  void enqueue(QueuedLine line);
  template <typename Payload>
  bool push(Payload payload);

  // Constant after construction.
  const logging::core_ptr core_ = logging::core::get();
  const logging::attribute_set no_attributes_;
  const logging::attribute_name payload_{"Line"};
  const std::unique_ptr<LogDestination> destination_;

  LogQueueGate gate_;
  FutexCounter ended_;
  const boost::shared_ptr<LineBackend> backend_;
  sinks::asynchronous_sink<LineBackend, Queue> frontend_;
};

void LineQueue::write(const LogLine& line) noexcept {
  try {
    if (!gate_.is_open()) return gate_.count_dropped(1);
    QueuedLine queued;
    destination_->format(line, queued.line);
    enqueue(std::move(queued));
  } catch (...) {
    gate_.count_dropped(1);
  }
}

void LineQueue::enqueue(QueuedLine queued) {
  const std::size_t bytes = queued.line.bytes.size();
  if (!gate_.admit(bytes)) return gate_.count_dropped(1);
  const std::uint64_t dropped_before = gate_.take_dropped();
  queued.dropped_before = dropped_before;
  bool pushed = false;
  try {
    pushed = push(std::move(queued));
  } catch (...) {
    // As lost as a line that the core refused.
  }
  if (!pushed) {
    gate_.count_dropped(dropped_before + 1);
    gate_.finish(bytes);
  }
}

/// False if the logging core refused to make a record: somebody in this process switched it off.
template <typename Payload>
bool LineQueue::push(Payload payload) {
  logging::record record = core_->open_record(no_attributes_);
  if (!record) return false;
  record.attribute_values().insert(payload_,
                                   logging::attributes::make_attribute_value(std::move(payload)));
  frontend_.consume(record.lock());
  return true;
}

void LineQueue::end() { push(EndOfLog{}); }

void LineQueue::run() noexcept {
  try {
    frontend_.run();
  } catch (const boost::thread_interrupted&) {
    backend_->finish();
  }
  ended_.advance();
}

/// Keeps the process's signals away from the threads that are made while it lives. Not those that
/// a thread brings upon itself: a fault must reach its handler.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t signals;
    sigfillset(&signals);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
      sigdelset(&signals, own);
    }
    pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

class BoostLogSink final : public AsyncLogSink {
 public:
  explicit BoostLogSink(const LogSinkOptions& options)
      : queue_(std::make_shared<LineQueue>(make_log_destination(options.format, options.fd))) {
    for (std::atomic<Severity>& level : levels_) level.store(options.level);
    for (const auto& [component, level] : options.levels) set_level(component, level);
    const SignalsBlocked blocked;  // SIGPIPE among them: a reader that went away is a lost line
    thread_ = std::thread([queue = queue_]() noexcept { queue->run(); });
    pthread_setname_np(thread_.native_handle(), "moult-log");
  }
  BoostLogSink(const BoostLogSink&) = delete;
  BoostLogSink& operator=(const BoostLogSink&) = delete;
  ~BoostLogSink() override;

  bool enabled(Component component, Severity severity) const noexcept override {
    return severity >= levels_[static_cast<std::size_t>(component)].load(std::memory_order_relaxed);
  }

  void write(Component component, Severity severity, std::string_view message,
             std::span<const Field> fields) noexcept override {
    queue_->write({.time = std::chrono::system_clock::now(),
                   .component = component,
                   .severity = severity,
                   .message = message,
                   .fields = fields});
  }

  void set_level(Component component, Severity level) noexcept override {
    levels_[static_cast<std::size_t>(component)].store(level, std::memory_order_relaxed);
  }

  bool flush(Duration bound) noexcept override { return queue_->flush(bound); }

 private:
  std::array<std::atomic<Severity>, static_cast<std::size_t>(Component::kCount)> levels_{};

  // Shared with the thread, because nothing ends a thread that is blocked in write(2): it is then
  // left behind with the queue it works on.
  const std::shared_ptr<LineQueue> queue_;
  std::thread thread_;
};

/// Keeps a queue until the process ends: a thread that is left behind must not take it, and the
/// logging core with it, apart while the process exits.
void abandon(std::shared_ptr<LineQueue> queue) {
  static std::mutex mutex;
  static auto& abandoned = *new std::vector<std::shared_ptr<LineQueue>>;  // never destroyed
  const std::lock_guard lock(mutex);
  abandoned.push_back(std::move(queue));
}

BoostLogSink::~BoostLogSink() {
  bool ended = false;
  try {
    queue_->end();
    ended = queue_->wait_ended(kLogShutdownBound);
  } catch (const std::exception&) {
    // No memory for the end; the thread waits for it until the process exits.
  }
  if (ended) {
    thread_.join();
  } else {
    abandon(queue_);
    thread_.detach();
  }
}

}  // namespace

Result<std::unique_ptr<AsyncLogSink>> make_log_sink(const LogSinkOptions& options) {
  try {
    std::unique_ptr<AsyncLogSink> sink = std::make_unique<BoostLogSink>(options);
    return sink;
  } catch (const std::exception& error) {
    return failure(fmt::format("log: cannot start the writing thread: {}", error.what()));
  }
}

}  // namespace moult
