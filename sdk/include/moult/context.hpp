/*
 * moult/context.hpp: what a handler gets from its host. Part of <moult/moult.hpp>, which is what
 * handlers include.
 */
#ifndef MOULT_CONTEXT_HPP
#define MOULT_CONTEXT_HPP

#include <moult/moult.h>
#include <moult/record.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace moult {
inline namespace sdk {

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

/// A message for Context::produce(); what it refers to is copied there.
struct Message {
  std::string_view topic;  // without the configured topic_prefix
  std::optional<std::string_view> key = std::nullopt;
  std::optional<std::string_view> value = std::nullopt;  // none: a tombstone
  std::vector<std::pair<std::string_view, std::string_view>> headers = {};
};

/// What became of a produce(): queued, or why not.
enum class Produced : std::int32_t {
  kQueued = MOULT_SUCCESS,
  kFull = MOULT_PRODUCE_FULL,
  kRefused = MOULT_PRODUCE_REFUSED,
  kNotNow = MOULT_PRODUCE_NOT_NOW,
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

  /// True once the running call has overstayed: its handler's deadline, when what it reports still
  /// counts, or the time that its partition has left, when nothing does. End it by a throw or
  /// batch.retry(): a plain return finishes the batch.
  bool cancelled() const noexcept { return host_->cancelled(handle_) != 0; }
  /// Milliseconds since the Unix epoch, from the host's clock.
  std::int64_t now_ms() const noexcept { return host_->now_ms(handle_); }
  /// A table of further host functions, or nullptr when this host does not have it.
  const void* extension(const char* id) const noexcept { return host_->extension(handle_, id); }

  /// Queues a message for the broker; waits while the queue is full. One that can't be delivered is
  /// logged and counted. Throws under a daemon from before this function.
  [[nodiscard]] Produced produce(const Message& message) const { return produce(message, 0, 0); }

  /// The same, and the record is finished only once the broker has acknowledged the message. When
  /// it can't be delivered, or was not even queued, the record is retried, with all that follows it
  /// in its lane, whatever else the handler does; unless it gives the record up itself.
  Produced produce_for(const Record& record, const Message& message) const {
    return produce(message, MOULT_PRODUCE_TIED, record.offset());
  }

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

  Produced produce(const Message& message, std::uint32_t flags, std::int64_t tied_offset) const {
    if (!MOULT_HAS_FIELD(host_, produce)) throw std::runtime_error("this daemon can't produce");
    std::vector<std::string> names;
    std::vector<moult_header> headers;
    names.reserve(message.headers.size());
    for (const auto& [name, value] : message.headers) {
      names.emplace_back(name);
      headers.push_back({sizeof(moult_header), static_cast<std::uint32_t>(name.size()),
                         names.back().c_str(), raw(value), static_cast<std::uint32_t>(value.size()),
                         0});
    }
    moult_message out = {};
    out.struct_size = sizeof out;
    out.flags = flags;
    out.topic = message.topic.data();
    out.topic_size = static_cast<std::uint32_t>(message.topic.size());
    out.headers = headers.data();
    out.header_count = static_cast<std::uint32_t>(headers.size());
    out.header_stride = sizeof(moult_header);
    out.tied_offset = tied_offset;
    if (message.key) set(*message.key, out.key, out.key_size);
    if (message.value) set(*message.value, out.value, out.value_size);
    return static_cast<Produced>(host_->produce(handle_, &out));
  }

  /// Of nothing, too, an address: NULL means that there is none.
  static const std::uint8_t* raw(std::string_view bytes) noexcept {
    return reinterpret_cast<const std::uint8_t*>(bytes.data() == nullptr ? "" : bytes.data());
  }
  static void set(std::string_view bytes, const std::uint8_t*& data, std::uint32_t& size) noexcept {
    data = raw(bytes);
    size = static_cast<std::uint32_t>(bytes.size());
  }

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

}  // namespace sdk
}  // namespace moult

#endif /* MOULT_CONTEXT_HPP */
