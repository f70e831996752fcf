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
#include <moult/state.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace moult {
inline namespace sdk {

/// Why a lane is given up.
enum class Reason : std::uint32_t {
  kRevoked = MOULT_REVOKED,
  kLost = MOULT_LOST,
  kStopping = MOULT_STOPPING,
  kReplaced = MOULT_REPLACED,
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
  /// longer than `deadline` is not waited for. An exception is logged and nothing else. With
  /// kReplaced the next version's object is assigned only after this call.
  virtual void revoked(Reason reason, std::chrono::milliseconds deadline) {
    (void)reason;
    (void)deadline;
  }

  /// In the throw-away process in which a new version is tried, before assigned(): throw, and this
  /// version is refused with the exception's what().
  virtual void self_test() {}
  /// With MOULT_CAP_STATE, when a newer generation takes the lane over: writes what its object has
  /// to know. Throwing refuses the newer one for this lane. The object may have to go on afterwards
  /// as if nothing had happened. Flush before you write: revoked(kReplaced) comes next.
  virtual void export_state(StateWriter& writer) {
    (void)writer;
    throw std::logic_error("MOULT_CAP_STATE without export_state()");
  }
  /// With MOULT_CAP_STATE, before assigned(): takes over what the object before wrote. Throw what
  /// you can't read (see State::expect()); the older one then goes on, and this one is destroyed.
  virtual void import_state(const State& state) {
    (void)state;
    throw std::logic_error("MOULT_CAP_STATE without import_state()");
  }
};

/// The C functions of a handler class: each ends every exception.
template <typename H>
struct Thunks {
  struct Object {
    explicit Object(Context context_in) : context(std::move(context_in)), handler(context) {}

    Context context;
    H handler;
    std::deque<std::string> errors;
  };

  static Object& object_of(moult_instance* instance) noexcept {
    return *reinterpret_cast<Object*>(instance);
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
      auto object = std::make_unique<Object>(
          Context(host, handle, {settings, settings_size},
                  Lane{std::string(lane->topic, lane->topic_size), lane->partition, lane->epoch}));
      return reinterpret_cast<moult_instance*>(object.release());
    } catch (const std::exception& e) {
      say(error, e.what());
    } catch (...) {
      say(error, "the constructor threw something that is no std::exception");
    }
    return nullptr;
  }

  /// Runs what has no outcome to report to.
  template <typename Call>
  static void logged(Object& object, const char* where, Call call) noexcept {
    try {
      try {
        call();
      } catch (const std::exception& e) {
        object.context.error(std::string(where) + " threw: " + e.what());
      } catch (...) {
        object.context.error(std::string(where) + " threw something that is no std::exception");
      }
    } catch (...) {  // out of memory while logging
    }
  }

  static void assigned(moult_instance* instance, const moult_lane*) noexcept {
    Object& object = object_of(instance);
    logged(object, "assigned()", [&] { object.handler.assigned(); });
  }

  static std::int32_t consume(moult_instance* instance, const moult_batch* raw) noexcept {
    Object& object = object_of(instance);
    object.errors.clear();
    const Batch batch(raw, &object.errors);
    try {
      object.handler.consume(batch);
      batch.finish_all();
      return MOULT_SUCCESS;
    } catch (const Retry& retry) {
      batch.fail(MOULT_RETRY, retry.what(), retry.after(), retry.code());
    } catch (const DeadLetter& dead) {
      batch.fail(MOULT_DEAD_LETTER, dead.what(), {}, dead.code());
    } catch (const Fatal& fatal) {
      batch.fail(MOULT_FATAL, fatal.what(), {}, fatal.code());
    } catch (const std::exception& e) {
      batch.fail(MOULT_RETRY, e.what(), {}, 0);
    } catch (...) {
      batch.fail(MOULT_RETRY, "the handler threw something that is no std::exception", {}, 0);
    }
    return MOULT_FAILURE;
  }

  static void revoked(moult_instance* instance, std::uint32_t reason,
                      std::int64_t deadline_ms) noexcept {
    Object& object = object_of(instance);
    logged(object, "revoked()", [&] {
      object.handler.revoked(static_cast<Reason>(reason), std::chrono::milliseconds(deadline_ms));
    });
  }

  static void destroy(moult_instance* instance) noexcept { delete &object_of(instance); }

  /// Runs what may refuse.
  template <typename Call>
  static std::int32_t answered(moult_error* error, const char* otherwise, Call call) noexcept {
    try {
      call();
      return MOULT_SUCCESS;
    } catch (const std::exception& e) {
      say(error, e.what());
    } catch (...) {
      say(error, otherwise);
    }
    return MOULT_FAILURE;
  }

  static std::int32_t self_test(moult_instance* instance, moult_error* error) noexcept {
    return answered(error, "self_test() threw something that is no std::exception",
                    [&] { object_of(instance).handler.self_test(); });
  }

  static std::int32_t state_export(moult_instance* instance, const moult_state_writer* raw,
                                   moult_error* error) noexcept {
    StateWriter writer(*raw);
    return answered(error, "export_state() threw something that is no std::exception",
                    [&] { object_of(instance).handler.export_state(writer); });
  }

  static std::int32_t state_import(moult_instance* instance, const moult_state* raw,
                                   moult_error* error) noexcept {
    return answered(error, "import_state() threw something that is no std::exception",
                    [&] { object_of(instance).handler.import_state(State(*raw)); });
  }

  static constexpr moult_plugin table() noexcept {
    return {
        sizeof(moult_plugin), 0,           create, assigned, consume, revoked, destroy, self_test,
        state_export,         state_import};
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
