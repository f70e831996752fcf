#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace moult {

enum class Severity { kTrace, kDebug, kInfo, kWarning, kError, kCritical };

/// What a log line is about; each has a level of its own in the config (`log.levels`).
enum class Component {
  kApp,
  kConfig,
  kDispatch,
  kKafka,
  kLibrdkafka,
  kPlugin,
  kHandler,
  kWorkers,
  kReload,
  kCount,
};

std::string_view name_of(Severity severity);
std::string_view name_of(Component component);

/// One named value of a log line. Keys are the design's vocabulary in snake_case: handler, topic,
/// partition, epoch, offset, generation, build_id, group …
class Field {
 public:
  using Value = std::variant<std::string_view, std::int64_t, double, bool>;

  Field(std::string_view its_key, std::string_view text) : key(its_key), value(text) {}
  Field(std::string_view its_key, const char* text) : key(its_key), value(std::string_view(text)) {}
  Field(std::string_view its_key, const std::string& text)
      : key(its_key), value(std::string_view(text)) {}
  Field(std::string_view its_key, bool truth) : key(its_key), value(truth) {}
  Field(std::string_view its_key, double number) : key(its_key), value(number) {}
  template <typename T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
      Field(std::string_view its_key, T number)
      : key(its_key), value(static_cast<std::int64_t>(number)) {}

  std::string_view key;
  Value value;
};

/// Where log lines go. Thread-safe: any thread may write. Everything a line points to lives only
/// until write() returns.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual bool enabled(Component component, Severity severity) const noexcept = 0;
  virtual void write(Component component, Severity severity, std::string_view message,
                     std::span<const Field> fields) noexcept = 0;
};

/// A component's way to the sink: two words, passed by value. The sink outlives every Logger.
class Logger {
 public:
  using Fields = std::initializer_list<Field>;

  Logger(LogSink& sink, Component component) : sink_(&sink), component_(component) {}

  Logger for_component(Component component) const { return Logger(*sink_, component); }

  void trace(std::string_view message, Fields fields = {}) const;
  void debug(std::string_view message, Fields fields = {}) const;
  void info(std::string_view message, Fields fields = {}) const;
  void warning(std::string_view message, Fields fields = {}) const;
  void error(std::string_view message, Fields fields = {}) const;
  void critical(std::string_view message, Fields fields = {}) const;
  void write(Severity severity, std::string_view message, std::span<const Field> fields) const;

  bool enabled(Severity severity) const { return sink_->enabled(component_, severity); }

 private:
  LogSink* sink_;
  Component component_;
};

}  // namespace moult
