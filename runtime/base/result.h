#pragma once

#include <string>
#include <utility>
#include <variant>

#include "runtime/base/check.h"

namespace moult {

/// Why an expected failure happened, in words for the person who can cure it: the place first,
/// then the cause, then (where there is one) the cure.
struct Error {
  std::string message;
};

/// Names as in std::unexpected, so that std::expected can take over when the compilers have it.
template <typename E>
struct Unexpected {
  explicit Unexpected(E why) : error(std::move(why)) {}
  E error;
};
template <typename E>
Unexpected(E) -> Unexpected<E>;

inline Unexpected<Error> failure(std::string message) {
  return Unexpected<Error>{Error{std::move(message)}};
}

/// A value or the reason why there is none. Reading the wrong side is a broken invariant and ends
/// the process.
template <typename T, typename E = Error>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  using error_type = E;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: by design
  Result(Unexpected<E> error)                                            // NOLINT: by design
      : state_(std::in_place_index<1>, std::move(error.error)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & {
    MOULT_CHECK(has_value(), "value() of a failed Result");
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    MOULT_CHECK(has_value(), "value() of a failed Result");
    return *std::get_if<0>(&state_);
  }
  T&& value() && { return std::move(value()); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const E& error() const& {
    MOULT_CHECK(state_.index() == 1, "error() of a good Result");
    return *std::get_if<1>(&state_);
  }
  E&& error() && {
    MOULT_CHECK(state_.index() == 1, "error() of a good Result");
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, E> state_;
};

/// Success without a value.
struct Ok {};
using Status = Result<Ok>;

}  // namespace moult
