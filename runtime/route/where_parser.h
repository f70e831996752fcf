#pragma once

#include <string_view>

#include "runtime/base/result.h"
#include "runtime/route/condition.h"
#include "runtime/route/pointer_tree.h"

namespace moult::route {

struct ParsedWhere {
  PointerTree pointers;
  Condition condition;
};

/// The grammar is Where's. Recursion is bounded by kMaxWhereDepth.
Result<ParsedWhere> parse_where(std::string_view text);

inline constexpr std::size_t kMaxWhereBytes = 16UL * 1024;
inline constexpr std::size_t kMaxWhereDepth = 64;  // of parentheses and `not`s around a comparison

}  // namespace moult::route
