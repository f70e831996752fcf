#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/route/value.h"

namespace moult::route {

/// An expression as a tree. Constant once it is parsed.
struct Condition {
  enum class Op {
    kAll,     // every part holds
    kAny,     // one part holds
    kNot,     // its one part does not hold
    kExists,  // the slot has a value
    kIn,      // the slot's value equals one of the literals
  };

  Op op = Op::kAll;
  std::vector<Condition> parts;
  std::size_t slot = 0;
  std::vector<Literal> literals;
};

/// `values` are those of the expression's pointers, by slot.
bool holds(const Condition& condition, std::span<const Value> values);

}  // namespace moult::route
