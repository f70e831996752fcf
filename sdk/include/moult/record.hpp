/*
 * moult/record.hpp: a record and its headers, as views. Part of <moult/moult.hpp>, which is what
 * handlers include.
 */
#ifndef MOULT_RECORD_HPP
#define MOULT_RECORD_HPP

#include <moult/moult.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

namespace moult {
inline namespace sdk {

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

}  // namespace sdk
}  // namespace moult

#endif /* MOULT_RECORD_HPP */
