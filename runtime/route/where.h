#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/route/condition.h"
#include "runtime/route/pointer_tree.h"
#include "runtime/route/scratch.h"
#include "runtime/route/where_parser.h"

namespace moult::route {

enum class Match { kYes, kNo, kNotJson };

/// Which records a handler sees: a condition on a JSON payload.
///
///   /event == "order.created" and (/total != 0 or /user/country in ["de", "fr"])
///   not /test exists
///
/// A comparison is a JSON pointer (RFC 6901) followed by
///   == LITERAL            the value is equal
///   != LITERAL            the same as `not POINTER == LITERAL`
///   in [LITERAL, …]       the value equals one of them; the list is not empty
///   exists                there is a value; null is one
/// A literal is a JSON string, a number, true, false or null. A pointer with spaces, quotes or any
/// of ( ) [ ] , = ! in it is written as a JSON string: "/user id" == 1; "" is the whole document.
/// `not` binds tighter than `and`, `and` tighter than `or`; keywords are lower case.
///
/// Equality never converts: values of different types differ, "1" is not 1, null is only null.
/// Strings are equal byte by byte after their escapes are resolved (no Unicode normalisation, case
/// matters); numbers by their exact value: 1, 1.0 and 10e-1 are equal, 2^53 and 2^53 + 1 are not.
/// Objects and arrays equal no literal. A missing value equals nothing either: == and `in` do not
/// hold, != holds; with `and /a exists` it does not.
///
/// Of a name that stands in an object more than once the last one counts, as in most JSON readers.
/// Not JSON is what RFC 8259 refuses anywhere in the payload, and also an empty payload, a byte
/// order mark, invalid UTF-8, an unpaired surrogate, and nesting of more than 1,024 levels.
///
/// Constant once parsed: any thread may match, each with a Scratch of its own.
class Where {
 public:
  /// The error says at which column what was expected, and does not repeat the text.
  static Result<Where> parse(std::string_view text);

  /// Never throws but for memory; time and memory are linear in the payload.
  Match matches(Payload payload, Scratch& scratch) const;

  /// What was parsed.
  const std::string& text() const { return text_; }

 private:
  Where(std::string_view text, ParsedWhere parsed) : text_(text), parsed_(std::move(parsed)) {}

  std::string text_;
  ParsedWhere parsed_;
};

}  // namespace moult::route
