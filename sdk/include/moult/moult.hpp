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
#include <moult/batch.hpp>
#include <moult/context.hpp>
#include <moult/record.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace moult {
inline namespace sdk {

/// Why a lane is given up.
enum class Reason : std::uint32_t {
  kRevoked = MOULT_REVOKED,
  kLost = MOULT_LOST,
  kStopping = MOULT_STOPPING,
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
    } catch (const DeadLetter& dead) {
      batch.fail_with(MOULT_DEAD_LETTER, dead.what(), dead.code());
    } catch (const Fatal& fatal) {
      batch.fail_with(MOULT_FATAL, fatal.what(), fatal.code());
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
