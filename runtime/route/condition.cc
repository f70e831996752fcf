#include "runtime/route/condition.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/route/number.h"

namespace moult::route {
namespace {

bool equals(const Value& value, const Literal& literal) {
  if (value.kind != literal.kind) return false;
  if (value.kind == ValueKind::kNumber) return same_number(value.text, literal.text);
  return value.text == literal.text;
}

}  // namespace

bool holds(const Condition& condition, std::span<const Value> values) {
  const auto part_holds = [values](const Condition& part) { return holds(part, values); };
  const auto& parts = condition.parts;
  switch (condition.op) {
    case Condition::Op::kAll:
      return std::all_of(parts.begin(), parts.end(), part_holds);
    case Condition::Op::kAny:
      return std::any_of(parts.begin(), parts.end(), part_holds);
    case Condition::Op::kNot:
      return !part_holds(parts.front());
    case Condition::Op::kExists:
      return values[condition.slot].kind != ValueKind::kMissing;
    case Condition::Op::kIn:
      return std::any_of(condition.literals.begin(), condition.literals.end(),
                         [&value = values[condition.slot]](const Literal& literal) {
                           return equals(value, literal);
                         });
  }
  MOULT_CHECK(false, "unknown operator");
}

}  // namespace moult::route
