/*
 * moult/state.hpp: what a handler hands to the next version of itself. Part of <moult/moult.hpp>,
 * which is what handlers include.
 */
#ifndef MOULT_STATE_HPP
#define MOULT_STATE_HPP

#include <moult/moult.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace moult {
inline namespace sdk {

/// What the handler before wrote, a view that lives until Handler::import_state() returns.
class State {
 public:
  explicit State(const moult_state& raw) noexcept : raw_(raw) {}

  std::string_view schema() const noexcept { return {raw_.schema, raw_.schema_size}; }
  std::uint32_t version() const noexcept { return raw_.version; }
  std::string_view bytes() const noexcept {
    return {reinterpret_cast<const char*>(raw_.bytes), static_cast<std::size_t>(raw_.size)};
  }

  /// Throws unless it is of this schema, in a version up to `newest`: the usual first line of an
  /// import.
  void expect(std::string_view schema_known, std::uint32_t newest) const {
    if (schema() == schema_known && version() <= newest) return;
    throw std::runtime_error("can't read state \"" + std::string(schema()) + "\" version " +
                             std::to_string(version()) + ", only \"" + std::string(schema_known) +
                             "\" up to version " + std::to_string(newest));
  }

 private:
  const moult_state& raw_;
};

/// Where Handler::export_state() writes. Don't catch what it throws: the host has refused.
class StateWriter {
 public:
  explicit StateWriter(const moult_state_writer& raw) noexcept : raw_(raw) {}

  /// Once, before the first write(). The schema is a name like "orders.counts".
  void begin(const std::string& schema, std::uint32_t version) {
    if (raw_.begin(raw_.sink, schema.c_str(), version) == MOULT_SUCCESS) return;
    throw std::runtime_error("the host refused to begin a state \"" + schema + "\"");
  }
  /// Appends; the bytes are copied.
  void write(std::string_view bytes) {
    const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    if (raw_.write(raw_.sink, data, bytes.size()) == MOULT_SUCCESS) return;
    throw std::runtime_error("the host refused to take more state");
  }

 private:
  const moult_state_writer& raw_;
};

}  // namespace sdk
}  // namespace moult

#endif /* MOULT_STATE_HPP */
