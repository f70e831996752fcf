/*
 * testing.hpp: runs a handler without a broker. Header only, C++17, for the tests of plugin
 * authors.
 *
 *   moult::testing::Plugin plugin("build/orders.so");
 *   moult::testing::Lane lane(plugin, {"{\"currency\": \"EUR\"}"});
 *   auto outcomes = lane.consume({{"key", R"({"amount": 3})"}});
 *   assert(outcomes[0].code == MOULT_OK);
 *
 * A handler linked into the test itself is reached by Plugin(&moult_entry_1). What can't go on
 * throws std::runtime_error. One Plugin and its Lanes belong to one thread, but cancel() and log()
 * may be called from any.
 */
#ifndef MOULT_TESTING_HPP
#define MOULT_TESTING_HPP

#include <dlfcn.h>
#include <moult/moult.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace moult {
namespace testing {

/// A header of an input record; no value is a null header.
struct Header {
  std::string name;
  std::optional<std::string> value;
};

/// A record to run. No key is a null key, no value a tombstone.
struct Input {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<Header> headers = {};
  std::int64_t offset = -1;  // -1: the one after the last
  std::uint32_t attempt = 1;
  std::int64_t timestamp_ms = 0;
};

/// What the handler said of a record, copied.
struct Outcome {
  std::uint32_t code = MOULT_UNSET;
  std::uint32_t retry_after_ms = 0;
  std::int32_t error_code = 0;
  std::string error;
};

/// What a lane's instance handed over, copied.
struct HandedState {
  std::string schema;
  std::uint32_t version = 0;
  std::string bytes;
};

/// Where a lane is, and the handler's settings as JSON.
struct LaneOptions {
  std::string settings = "{}";
  std::string topic = "test";
  std::int32_t partition = 0;
  std::uint64_t epoch = 1;
  std::optional<HandedState> state = std::nullopt;  // to take over, from Lane::export_state()
  bool self_test = false;                           // before it is assigned
};

/// What the handler produced, copied.
struct ProducedMessage {
  std::string topic;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<Header> headers;
  std::optional<std::int64_t> tied_offset;  // of the record that waits for it
};

namespace detail {

/// The host's side of a plugin or a lane, opaque to handlers.
struct HostSide {
  std::atomic<bool> cancelled{false};
  std::atomic<std::int32_t> produce_result{MOULT_SUCCESS};
  std::mutex mutex;
  std::vector<ProducedMessage> produced;  // guarded by mutex
  std::vector<std::string> lines;         // guarded by mutex: "level message key=value …"

  moult_host_handle* handle() { return reinterpret_cast<moult_host_handle*>(this); }
  static HostSide& of(moult_host_handle* handle) { return *reinterpret_cast<HostSide*>(handle); }
};

inline void host_log(moult_host_handle* handle, std::uint32_t level, const char* message,
                     const moult_log_field* fields, std::uint32_t count, std::uint32_t stride) {
  std::string line = std::to_string(level) + " " + message;
  for (std::uint32_t i = 0; i < count; i++) {
    const char* at = reinterpret_cast<const char*>(fields) + std::size_t{i} * stride;
    const auto* field = reinterpret_cast<const moult_log_field*>(at);
    line += std::string(" ") + field->key + "=" + field->value;
  }
  HostSide& side = HostSide::of(handle);
  const std::lock_guard<std::mutex> lock(side.mutex);
  side.lines.push_back(std::move(line));
}

inline std::int64_t host_now_ms(moult_host_handle*) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

inline std::int32_t host_cancelled(moult_host_handle* handle) {
  return HostSide::of(handle).cancelled.load() ? 1 : 0;
}

inline const void* host_extension(moult_host_handle*, const char*) { return nullptr; }

inline std::optional<std::string> copied(const std::uint8_t* bytes, std::uint32_t size) {
  if (bytes == nullptr) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(bytes), size);
}

inline std::int32_t host_produce(moult_host_handle* handle, const moult_message* message) {
  HostSide& side = HostSide::of(handle);
  const std::int32_t result = side.produce_result.load();
  if (result != MOULT_SUCCESS) return result;
  ProducedMessage copy;
  copy.topic.assign(message->topic, message->topic_size);
  copy.key = copied(message->key, message->key_size);
  copy.value = copied(message->value, message->value_size);
  for (std::uint32_t i = 0; i < message->header_count; i++) {
    const char* at =
        reinterpret_cast<const char*>(message->headers) + std::size_t{i} * message->header_stride;
    const auto* header = reinterpret_cast<const moult_header*>(at);
    copy.headers.push_back(
        {std::string(header->name, header->name_size), copied(header->value, header->value_size)});
  }
  if ((message->flags & MOULT_PRODUCE_TIED) != 0) copy.tied_offset = message->tied_offset;
  const std::lock_guard<std::mutex> lock(side.mutex);
  side.produced.push_back(std::move(copy));
  return MOULT_SUCCESS;
}

/// Bytes on the heap of exactly the size that a handler may read, so that a sanitizer sees it read
/// further.
class Bytes {
 public:
  Bytes(const std::optional<std::string>& text, std::size_t padding) {
    if (!text) return;
    data_.reset(new std::uint8_t[text->size() + padding + (text->empty() ? 1 : 0)]());
    std::memcpy(data_.get(), text->data(), text->size());
    size_ = static_cast<std::uint32_t>(text->size());
  }
  const std::uint8_t* data() const { return data_.get(); }
  std::uint32_t size() const { return size_; }

 private:
  std::unique_ptr<std::uint8_t[]> data_;
  std::uint32_t size_ = 0;
};

/// What state_export() writes to.
struct StateSink {
  HandedState state;
  bool has_begun = false;
  bool has_failed = false;

  static StateSink& of(moult_state_sink* sink) { return *reinterpret_cast<StateSink*>(sink); }
  std::int32_t refuse() {
    has_failed = true;
    return MOULT_FAILURE;
  }
};

inline std::int32_t state_begin(moult_state_sink* raw, const char* schema, std::uint32_t version) {
  StateSink& sink = StateSink::of(raw);
  const std::size_t size = std::strlen(schema);
  if (sink.has_begun || size == 0 || size >= MOULT_NAME_SIZE) return sink.refuse();
  sink.has_begun = true;
  sink.state.schema = schema;
  sink.state.version = version;
  return MOULT_SUCCESS;
}

inline std::int32_t state_write(moult_state_sink* raw, const std::uint8_t* bytes,
                                std::uint64_t size) {
  StateSink& sink = StateSink::of(raw);
  if (!sink.has_begun || size > MOULT_STATE_MAX - sink.state.bytes.size()) return sink.refuse();
  sink.state.bytes.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  return MOULT_SUCCESS;
}

}  // namespace detail

/// A plugin, loaded or linked in. Outlives its lanes.
class Plugin {
 public:
  explicit Plugin(const std::string& path) {
    library_.reset(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL));
    if (!library_) throw std::runtime_error(::dlerror());
    void* symbol = ::dlsym(library_.get(), MOULT_ENTRY_NAME);
    if (symbol == nullptr) throw std::runtime_error(path + " does not export " MOULT_ENTRY_NAME);
    enter(reinterpret_cast<moult_entry_fn>(symbol));
  }
  explicit Plugin(moult_entry_fn entry) { enter(entry); }
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  std::string name() const { return descriptor_->name; }
  std::string version() const { return descriptor_->version; }
  bool wants(std::uint64_t capability) const {
    return ((descriptor_->capabilities | descriptor_->required) & capability) != 0;
  }
  const moult_plugin& table() const { return *table_; }
  const moult_host& host() const { return host_; }

 private:
  struct Close {
    void operator()(void* handle) const { ::dlclose(handle); }
  };

  void enter(moult_entry_fn entry) {
    table_ = entry(&host_, host_side_.handle(), &descriptor_);
    if (table_ == nullptr || descriptor_ == nullptr) {
      throw std::runtime_error("the plugin's entry refused");
    }
    if (!table_->create || !table_->consume || !table_->destroy) {
      throw std::runtime_error("the plugin's table lacks create, consume or destroy");
    }
    const bool has_state = MOULT_HAS_FIELD(table_, state_import) &&
                           table_->state_export != nullptr && table_->state_import != nullptr;
    if (wants(MOULT_CAP_STATE) && !has_state) {
      throw std::runtime_error("the plugin's table lacks state_export or state_import");
    }
  }

  moult_host host_ = {sizeof(moult_host),  MOULT_ABI_MINOR,        detail::host_log,
                      detail::host_now_ms, detail::host_cancelled, detail::host_extension,
                      detail::host_produce};
  detail::HostSide host_side_;
  std::unique_ptr<void, Close> library_;
  const moult_plugin* table_ = nullptr;
  const moult_descriptor* descriptor_ = nullptr;
};

/// One instance of the plugin's handler. Destroys it at its end.
class Lane {
 public:
  explicit Lane(const Plugin& plugin, LaneOptions options = {})
      : plugin_(plugin), options_(std::move(options)) {
    char text[1024] = "";
    moult_error error = {sizeof(moult_error), sizeof text, text};
    const moult_lane lane = raw_lane();
    instance_ =
        plugin_.table().create(&plugin_.host(), host_side_.handle(), options_.settings.c_str(),
                               static_cast<std::uint32_t>(options_.settings.size()), &lane, &error);
    if (instance_ == nullptr) throw std::runtime_error(std::string("create failed: ") + text);
    try {
      prepare();
    } catch (...) {
      plugin_.table().destroy(instance_);
      throw;
    }
    if (plugin_.table().assigned != nullptr) plugin_.table().assigned(instance_, &lane);
  }
  ~Lane() { plugin_.table().destroy(instance_); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Runs one batch and gives back an outcome for each record. As in the daemon, a record left
  /// MOULT_UNSET is not acknowledged.
  std::vector<Outcome> consume(const std::vector<Input>& inputs);

  /// Whether the last consume() returned MOULT_SUCCESS.
  bool succeeded() const { return succeeded_; }

  /// What the handler would hand to its next version, for the `state` of another lane's options.
  /// The lane can go on. Throws when the handler refuses, or writes what a host would not take.
  HandedState export_state() {
    if (!plugin_.wants(MOULT_CAP_STATE)) throw std::runtime_error("the plugin hands no state over");
    detail::StateSink sink;
    const moult_state_writer writer = {sizeof(moult_state_writer), 0,
                                       reinterpret_cast<moult_state_sink*>(&sink),
                                       detail::state_begin, detail::state_write};
    ask("state_export", [&](moult_error* error) {
      return plugin_.table().state_export(instance_, &writer, error);
    });
    if (sink.has_failed) throw std::runtime_error("state_export was refused a call");
    return sink.state;
  }

  void revoke(std::uint32_t reason = MOULT_REVOKED, std::int64_t deadline_ms = 10000) {
    if (plugin_.table().revoked != nullptr) {
      plugin_.table().revoked(instance_, reason, deadline_ms);
    }
  }

  /// Makes `cancelled` answer 1 from now on.
  void cancel() { host_side_.cancelled = true; }

  /// What the handler produced so far.
  std::vector<ProducedMessage> produced() {
    const std::lock_guard<std::mutex> lock(host_side_.mutex);
    return host_side_.produced;
  }

  /// What produce() answers from now on, such as MOULT_PRODUCE_FULL; nothing is kept then.
  void answer_produce(std::int32_t result) { host_side_.produce_result = result; }

  /// What the handler logged so far.
  std::vector<std::string> log() {
    const std::lock_guard<std::mutex> lock(host_side_.mutex);
    return host_side_.lines;
  }

 private:
  struct Storage {  // what the raw batch points into
    std::vector<detail::Bytes> keys, values, header_values;
    std::vector<moult_header> headers;
    std::vector<moult_record> records;
    std::vector<moult_outcome> outcomes;
  };

  /// Calls what may refuse.
  template <typename Call>
  static void ask(const char* function, Call call) {
    char text[1024] = "";
    moult_error error = {sizeof(moult_error), sizeof text, text};
    if (call(&error) == MOULT_SUCCESS) return;
    throw std::runtime_error(std::string(function) + " failed: " + text);
  }

  /// What comes between create and assigned.
  void prepare() {
    const moult_plugin& table = plugin_.table();
    if (options_.self_test && MOULT_HAS_FIELD(&table, self_test) && table.self_test != nullptr) {
      ask("self_test", [&](moult_error* error) { return table.self_test(instance_, error); });
    }
    if (!options_.state) return;
    if (!plugin_.wants(MOULT_CAP_STATE)) throw std::runtime_error("the plugin takes no state over");
    const HandedState& state = *options_.state;
    const moult_state raw = {sizeof(moult_state),
                             state.version,
                             state.schema.c_str(),
                             static_cast<std::uint32_t>(state.schema.size()),
                             0,
                             reinterpret_cast<const std::uint8_t*>(state.bytes.data()),
                             state.bytes.size()};
    ask("state_import",
        [&](moult_error* error) { return table.state_import(instance_, &raw, error); });
  }

  moult_lane raw_lane() const {
    return {sizeof(moult_lane),
            options_.partition,
            options_.topic.c_str(),
            static_cast<std::uint32_t>(options_.topic.size()),
            0,
            options_.epoch};
  }

  void add_headers(Storage& storage, const Input& input) const {
    for (const Header& header : input.headers) {
      const auto& bytes = storage.header_values.emplace_back(header.value, 0);
      storage.headers.push_back({sizeof(moult_header),
                                 static_cast<std::uint32_t>(header.name.size()),
                                 header.name.c_str(), bytes.data(), bytes.size(), 0});
    }
  }

  void add(Storage& storage, const Input& input) {
    const std::size_t padding = plugin_.wants(MOULT_CAP_PADDED) ? MOULT_PADDING : 0;
    const auto& key = storage.keys.emplace_back(input.key, 0);
    const auto& value = storage.values.emplace_back(input.value, padding);
    if (input.offset >= 0) next_offset_ = input.offset;
    moult_record record = {};
    record.struct_size = sizeof record;
    record.attempt = input.attempt;
    record.offset = next_offset_++;
    record.timestamp_ms = input.timestamp_ms;
    record.timestamp_type = MOULT_TIMESTAMP_CREATE;
    record.key = key.data();
    record.key_size = key.size();
    record.value = value.data();
    record.value_size = value.size();
    record.header_begin = static_cast<std::uint32_t>(storage.headers.size());
    if (plugin_.wants(MOULT_CAP_HEADERS)) {
      add_headers(storage, input);
      record.header_count = static_cast<std::uint32_t>(input.headers.size());
    }
    storage.records.push_back(record);
    moult_outcome outcome = {};
    outcome.struct_size = sizeof outcome;
    storage.outcomes.push_back(outcome);
  }

  moult_batch raw_batch(Storage& storage) const {
    moult_batch batch = {};
    batch.struct_size = sizeof batch;
    batch.record_stride = sizeof(moult_record);
    batch.records = storage.records.data();
    batch.record_count = static_cast<std::uint32_t>(storage.records.size());
    batch.outcome_stride = sizeof(moult_outcome);
    batch.outcomes = storage.outcomes.data();
    batch.topic = options_.topic.c_str();
    batch.topic_size = static_cast<std::uint32_t>(options_.topic.size());
    batch.partition = options_.partition;
    batch.epoch = options_.epoch;
    batch.high_watermark = next_offset_;
    batch.headers = storage.headers.data();
    batch.header_stride = sizeof(moult_header);
    batch.header_count = static_cast<std::uint32_t>(storage.headers.size());
    return batch;
  }

  const Plugin& plugin_;
  const LaneOptions options_;
  detail::HostSide host_side_;
  moult_instance* instance_ = nullptr;
  std::int64_t next_offset_ = 0;
  bool succeeded_ = false;
};

inline std::vector<Outcome> Lane::consume(const std::vector<Input>& inputs) {
  Storage storage;
  for (const Input& input : inputs) add(storage, input);
  const moult_batch batch = raw_batch(storage);
  succeeded_ = plugin_.table().consume(instance_, &batch) == MOULT_SUCCESS;
  std::vector<Outcome> outcomes;
  for (const moult_outcome& raw : storage.outcomes) {
    Outcome outcome{raw.code, raw.retry_after_ms, raw.error_code, {}};
    if (raw.error != nullptr) outcome.error.assign(raw.error, raw.error_size);
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

}  // namespace testing
}  // namespace moult

#endif /* MOULT_TESTING_HPP */
