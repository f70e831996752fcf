/*
 * moult.hpp: handlers in C++17 over the C ABI of <moult/moult.h>. Header only.
 *
 *   class Orders : public moult::Handler {
 *    public:
 *     explicit Orders(const moult::Context& context) : context_(context) {}
 *     void consume(const moult::Batch& batch) override {
 *       for (const moult::Record& record : batch.one_by_one()) save(record.key(), record.value());
 *     }
 *   ...
 *   MOULT_HANDLER(Orders, "orders", "1.0.0");
 *
 * One object serves one lane. Its functions never overlap, but may be called from different
 * threads, each call seeing the effects of the one before; objects of different lanes run in
 * parallel. No exception leaves a handler: what becomes of it stands at each function.
 */
#ifndef MOULT_MOULT_HPP
#define MOULT_MOULT_HPP

#include <moult/moult.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace moult {
inline namespace sdk {

/// Why a lane is given up.
enum class Reason : std::uint32_t {
  kRevoked = MOULT_REVOKED,
  kLost = MOULT_LOST,
  kStopping = MOULT_STOPPING,
};

/// Thrown by a handler that knows how long to wait before the retry, or has an error number for the
/// logs. Any other exception is a retry after the host's configured backoff.
class Retry : public std::runtime_error {
 public:
  explicit Retry(const std::string& message, std::chrono::milliseconds after = {}, int code = 0)
      : std::runtime_error(message), after_(after), code_(code) {}

  std::chrono::milliseconds after() const noexcept { return after_; }
  int code() const noexcept { return code_; }

 private:
  std::chrono::milliseconds after_;
  int code_;
};

namespace detail {
inline std::string_view bytes(const std::uint8_t* data, std::uint32_t size) noexcept {
  if (data == nullptr) return {};
  return {reinterpret_cast<const char*>(data), size};
}
}  // namespace detail

/// One header of a record; lives until consume() returns.
class HeaderView {
 public:
  explicit HeaderView(const moult_header* raw) noexcept : raw_(raw) {}

  std::string_view name() const noexcept { return {raw_->name, raw_->name_size}; }
  std::string_view value() const noexcept { return detail::bytes(raw_->value, raw_->value_size); }
  bool is_null() const noexcept { return raw_->value == nullptr; }

 private:
  const moult_header* raw_;
};

/// The headers of one record, in their order; names may repeat. Empty unless the handler class has
/// `static constexpr std::uint64_t kCapabilities = MOULT_CAP_HEADERS`.
class Headers {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = HeaderView;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = HeaderView;

    Iterator(const moult_batch* batch, std::uint32_t index) noexcept
        : batch_(batch), index_(index) {}
    HeaderView operator*() const noexcept { return HeaderView(moult_header_at(batch_, index_)); }
    Iterator& operator++() noexcept {
      ++index_;
      return *this;
    }
    Iterator operator++(int) noexcept { return {batch_, index_++}; }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.index_ == b.index_; }
    friend bool operator!=(const Iterator& a, const Iterator& b) { return a.index_ != b.index_; }

   private:
    const moult_batch* batch_;
    std::uint32_t index_;
  };

  Headers(const moult_batch* batch, std::uint32_t begin, std::uint32_t count) noexcept
      : batch_(batch), begin_(begin), count_(count) {}

  std::uint32_t size() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }
  Iterator begin() const noexcept { return {batch_, begin_}; }
  Iterator end() const noexcept { return {batch_, begin_ + count_}; }

  /// The last header of that name, which is the one that counts when names repeat.
  std::optional<HeaderView> find(std::string_view name) const noexcept {
    for (std::uint32_t i = count_; i > 0; i--) {
      const HeaderView header(moult_header_at(batch_, begin_ + i - 1));
      if (header.name() == name) return header;
    }
    return std::nullopt;
  }

 private:
  const moult_batch* batch_;
  std::uint32_t begin_;
  std::uint32_t count_;
};

/// One record, a borrowed view: copy what has to live longer than consume().
class Record {
 public:
  Record(const moult_batch* batch, std::uint32_t index) noexcept
      : batch_(batch), raw_(moult_record_at(batch, index)), index_(index) {}

  std::string_view key() const noexcept { return detail::bytes(raw_->key, raw_->key_size); }
  bool has_key() const noexcept { return raw_->key != nullptr; }
  std::string_view value() const noexcept { return detail::bytes(raw_->value, raw_->value_size); }
  bool is_tombstone() const noexcept { return raw_->value == nullptr; }
  std::int64_t offset() const noexcept { return raw_->offset; }
  /// Milliseconds since the Unix epoch; -1 when the record has none.
  std::int64_t timestamp_ms() const noexcept { return raw_->timestamp_ms; }
  /// 1 the first time that this record reaches the handler in this lane.
  std::uint32_t attempt() const noexcept { return raw_->attempt; }
  Headers headers() const noexcept { return {batch_, raw_->header_begin, raw_->header_count}; }
  /// Its place in the batch.
  std::uint32_t index() const noexcept { return index_; }
  const moult_record& raw() const noexcept { return *raw_; }

 private:
  const moult_batch* batch_;
  const moult_record* raw_;
  std::uint32_t index_;
};

/// What a lane has ready, in the order of offsets (gaps are normal). Lives until consume() returns.
///
/// A record is finished when the handler says so: by returning normally (every record before the
/// first retry() is then finished), by ok(), or by moving on in one_by_one(). What is not finished
/// comes again; when consume() throws, only ok() and one_by_one() count.
class Batch {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Record;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = Record;

    Iterator(const Batch* batch, std::uint32_t index, bool finishing) noexcept
        : batch_(batch), index_(index), finishing_(finishing) {}
    Record operator*() const noexcept { return (*batch_)[index_]; }
    Iterator& operator++() noexcept {
      if (finishing_) batch_->finish(index_);
      ++index_;
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.index_ == b.index_; }
    friend bool operator!=(const Iterator& a, const Iterator& b) { return a.index_ != b.index_; }

   private:
    const Batch* batch_;
    std::uint32_t index_;
    bool finishing_;
  };

  class OneByOne {
   public:
    explicit OneByOne(const Batch* batch) noexcept : batch_(batch) {}
    Iterator begin() const noexcept { return {batch_, 0, true}; }
    Iterator end() const noexcept { return {batch_, batch_->size(), true}; }

   private:
    const Batch* batch_;
  };

  Batch(const moult_batch* raw, std::deque<std::string>* errors) noexcept
      : raw_(raw), errors_(errors) {}
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  std::string_view topic() const noexcept { return {raw_->topic, raw_->topic_size}; }
  std::int32_t partition() const noexcept { return raw_->partition; }
  std::uint64_t epoch() const noexcept { return raw_->epoch; }
  /// The partition's end as last heard from the broker; -1 unknown.
  std::int64_t high_watermark() const noexcept { return raw_->high_watermark; }

  std::uint32_t size() const noexcept { return raw_->record_count; }
  bool empty() const noexcept { return raw_->record_count == 0; }
  Record operator[](std::uint32_t index) const noexcept { return {raw_, index}; }

  /// Plain iteration: nothing is finished before consume() returns. The right one for handlers that
  /// collect first and write at the end: a throw then repeats the whole batch.
  Iterator begin() const noexcept { return {this, 0, false}; }
  Iterator end() const noexcept { return {this, size(), false}; }

  /// Iteration that finishes each record when the loop moves on to the next: a throw repeats only
  /// the record in hand and what follows it. Only for handlers that are really done with a record
  /// at the end of the loop's body: what they had merely buffered would be lost.
  OneByOne one_by_one() const noexcept { return OneByOne(this); }

  /// This record is finished, whatever happens later in this call.
  void ok(const Record& record) const noexcept {
    moult_outcome_at(raw_, record.index())->code = MOULT_OK;
  }

  /// Runs this record, and what follows it in its lane, again. 0 ms leaves the backoff to the
  /// host's configuration. The host keeps at most 1024 bytes of the message.
  void retry(const Record& record, std::string_view message = {},
             std::chrono::milliseconds after = {}, int code = 0) const noexcept {
    set_retry(record.index(), message, after, code);
  }

  const moult_batch& raw() const noexcept { return *raw_; }

 private:
  template <typename H>
  friend struct Thunks;

  static constexpr std::size_t kMaxError = 1024;

  bool is_unset(std::uint32_t index) const noexcept {
    return moult_outcome_at(raw_, index)->code == MOULT_UNSET;
  }

  void finish(std::uint32_t index) const noexcept {
    if (is_unset(index)) moult_outcome_at(raw_, index)->code = MOULT_OK;
  }

  /// Up to the first retry: what is behind it comes again with it, and a handler that left its loop
  /// there has not even seen it.
  void finish_all() const noexcept {
    for (std::uint32_t i = 0; i < size(); i++) {
      if (moult_outcome_at(raw_, i)->code == MOULT_RETRY) return;
      finish(i);
    }
  }

  /// A throw: the first unfinished record carries the message, the others stay unset.
  void fail(std::string_view message, std::chrono::milliseconds after, int code) const noexcept {
    for (std::uint32_t i = 0; i < size(); i++) {
      if (is_unset(i)) return set_retry(i, message, after, code);
    }
  }

  void set_retry(std::uint32_t index, std::string_view message, std::chrono::milliseconds after,
                 int code) const noexcept {
    moult_outcome* outcome = moult_outcome_at(raw_, index);
    const std::int64_t most = UINT32_MAX;
    outcome->code = MOULT_RETRY;
    outcome->retry_after_ms =
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(after.count(), 0, most));
    outcome->error_code = code;
    keep_error(*outcome, message);
  }

  void keep_error(moult_outcome& outcome, std::string_view message) const noexcept {
    try {
      const std::string& kept = errors_->emplace_back(message.substr(0, kMaxError));
      outcome.error = kept.data();
      outcome.error_size = static_cast<std::uint32_t>(kept.size());
    } catch (...) {  // out of memory: the retry stands, without its message
      outcome.error = nullptr;
      outcome.error_size = 0;
    }
  }

  const moult_batch* raw_;
  std::deque<std::string>* errors_;  // of the instance: they live until its next call
};

/// The sequence of batches that one object serves.
struct Lane {
  std::string topic;
  std::int32_t partition = 0;
  std::uint64_t epoch = 0;
};

/// One named value of a log line.
struct LogField {
  LogField(std::string_view key_in, std::string_view value_in) : key(key_in), value(value_in) {}
  LogField(std::string_view key_in, std::int64_t value_in)
      : key(key_in), value(std::to_string(value_in)) {}

  std::string key;
  std::string value;
};

/// What a handler gets from the host. Copy it into the handler: the copy stays good as long as the
/// handler lives. Its functions may be called from any thread during a call of the handler's.
class Context {
 public:
  Context(const moult_host* host, moult_host_handle* handle, std::string_view settings, Lane lane)
      : host_(host), handle_(handle), settings_(settings), lane_(std::move(lane)) {}

  /// The handler's `settings` of the configuration, one JSON object.
  const std::string& settings() const noexcept { return settings_; }
  const Lane& lane() const noexcept { return lane_; }

  /// True once the running call has overstayed its deadline: return soon, nothing counts any more.
  bool cancelled() const noexcept { return host_->cancelled(handle_) != 0; }
  /// Milliseconds since the Unix epoch, from the host's clock.
  std::int64_t now_ms() const noexcept { return host_->now_ms(handle_); }
  /// A table of further host functions, or nullptr when this host does not have it.
  const void* extension(const char* id) const noexcept { return host_->extension(handle_, id); }

  using Fields = std::initializer_list<LogField>;
  void debug(const std::string& message, Fields fields = {}) const {
    log(MOULT_LOG_DEBUG, message, fields);
  }
  void info(const std::string& message, Fields fields = {}) const {
    log(MOULT_LOG_INFO, message, fields);
  }
  void warning(const std::string& message, Fields fields = {}) const {
    log(MOULT_LOG_WARNING, message, fields);
  }
  void error(const std::string& message, Fields fields = {}) const {
    log(MOULT_LOG_ERROR, message, fields);
  }

 private:
  static constexpr std::size_t kMaxFields = 16;

  void log(std::uint32_t level, const std::string& message, Fields fields) const {
    moult_log_field raw[kMaxFields] = {};
    std::uint32_t count = 0;
    for (const LogField& field : fields) {
      if (count == kMaxFields) break;
      raw[count++] = {sizeof(moult_log_field), 0, field.key.c_str(), field.value.c_str()};
    }
    host_->log(handle_, level, message.c_str(), raw, count, sizeof(moult_log_field));
  }

  const moult_host* host_;
  moult_host_handle* handle_;
  std::string settings_;
  Lane lane_;
};

/// What an author derives from. The derived class has a constructor from `const Context&`; what it
/// throws makes the lane wait and try again, with its what() in the log. It may redefine
/// kCapabilities (wanted) and kRequired (without these it can't run), both of MOULT_CAP_….
class Handler {
 public:
  static constexpr std::uint64_t kCapabilities = 0;
  static constexpr std::uint64_t kRequired = 0;

  Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  virtual ~Handler() = default;

  /// Once, before the first batch. An exception is logged and nothing else.
  virtual void assigned() {}
  /// Handles a batch. Returning finishes its records, up to the first that was given to retry();
  /// throwing makes the unfinished ones come again after a backoff.
  virtual void consume(const Batch& batch) = 0;
  /// The lane is given up, after its running batch ended: the last chance to flush. What takes
  /// longer than `deadline` is not waited for. An exception is logged and nothing else.
  virtual void revoked(Reason reason, std::chrono::milliseconds deadline) {
    (void)reason;
    (void)deadline;
  }
};

/// The C functions of a handler class: each ends every exception.
template <typename H>
struct Thunks {
  struct State {
    explicit State(Context context_in) : context(std::move(context_in)), handler(context) {}

    Context context;
    H handler;
    std::deque<std::string> errors;
  };

  static State& state_of(moult_instance* instance) noexcept {
    return *reinterpret_cast<State*>(instance);
  }

  static void say(const moult_error* error, const char* what) noexcept {
    if (error == nullptr || error->text == nullptr || error->capacity == 0) return;
    const std::size_t size = std::min<std::size_t>(std::strlen(what), error->capacity - 1);
    std::memcpy(error->text, what, size);
    error->text[size] = '\0';
  }

  static moult_instance* create(const moult_host* host, moult_host_handle* handle,
                                const char* settings, std::uint32_t settings_size,
                                const moult_lane* lane, moult_error* error) noexcept {
    try {
      auto state = std::make_unique<State>(
          Context(host, handle, {settings, settings_size},
                  Lane{std::string(lane->topic, lane->topic_size), lane->partition, lane->epoch}));
      return reinterpret_cast<moult_instance*>(state.release());
    } catch (const std::exception& e) {
      say(error, e.what());
    } catch (...) {
      say(error, "the constructor threw something that is no std::exception");
    }
    return nullptr;
  }

  /// Runs what has no outcome to report to.
  template <typename Call>
  static void logged(State& state, const char* where, Call call) noexcept {
    try {
      try {
        call();
      } catch (const std::exception& e) {
        state.context.error(std::string(where) + " threw: " + e.what());
      } catch (...) {
        state.context.error(std::string(where) + " threw something that is no std::exception");
      }
    } catch (...) {  // out of memory while logging
    }
  }

  static void assigned(moult_instance* instance, const moult_lane*) noexcept {
    State& state = state_of(instance);
    logged(state, "assigned()", [&] { state.handler.assigned(); });
  }

  static std::int32_t consume(moult_instance* instance, const moult_batch* raw) noexcept {
    State& state = state_of(instance);
    state.errors.clear();
    const Batch batch(raw, &state.errors);
    try {
      state.handler.consume(batch);
      batch.finish_all();
      return MOULT_SUCCESS;
    } catch (const Retry& retry) {
      batch.fail(retry.what(), retry.after(), retry.code());
    } catch (const std::exception& e) {
      batch.fail(e.what(), {}, 0);
    } catch (...) {
      batch.fail("the handler threw something that is no std::exception", {}, 0);
    }
    return MOULT_FAILURE;
  }

  static void revoked(moult_instance* instance, std::uint32_t reason,
                      std::int64_t deadline_ms) noexcept {
    State& state = state_of(instance);
    logged(state, "revoked()", [&] {
      state.handler.revoked(static_cast<Reason>(reason), std::chrono::milliseconds(deadline_ms));
    });
  }

  static void destroy(moult_instance* instance) noexcept { delete &state_of(instance); }

  static constexpr moult_plugin table() noexcept {
    return {sizeof(moult_plugin), 0, create, assigned, consume, revoked, destroy};
  }
};

}  // namespace sdk
}  // namespace moult

/* Makes a plugin of a handler class: once in a plugin, at file scope, outside of namespaces.
 *   MOULT_HANDLER(OrdersHandler, "orders", "1.0.0");                        */
#define MOULT_HANDLER(handler_class, plugin_name, plugin_version)                              \
  static constexpr moult_plugin moult_plugin_table = ::moult::Thunks<handler_class>::table();  \
  MOULT_PLUGIN(&moult_plugin_table, plugin_name, plugin_version, handler_class::kCapabilities, \
               handler_class::kRequired)

#endif /* MOULT_MOULT_HPP */
