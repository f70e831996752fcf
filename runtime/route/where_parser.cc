#include "runtime/route/where_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "runtime/route/document.h"
#include "runtime/route/json_pointer.h"
#include "runtime/route/number.h"

namespace moult::route {
namespace {

constexpr std::string_view kTextSpaces = " \t\r\n";
constexpr std::string_view kWordEnds = " \t\r\n\"()[],=!";

/// In characters, 1-based: what an editor shows.
std::size_t column_of(std::string_view text, std::size_t offset) {
  const auto begins_character = [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
  };
  return 1 +
         static_cast<std::size_t>(std::count_if(
             text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), begins_character));
}

/// By recursive descent, loosest operator first. Messages repeat nothing of the text: it may hold
/// what a config file interpolated.
class WhereParser {
 public:
  explicit WhereParser(std::string_view text) : text_(text) {}

  Result<ParsedWhere> parse() {
    advance(0);  // past spaces
    auto condition = read_any();
    if (!condition) return failure(condition.error().message);
    if (offset_ < text_.size()) return wrong("expected 'and', 'or' or the end");
    return ParsedWhere{std::move(pointers_), std::move(*condition)};
  }

 private:
  Unexpected<Error> wrong(std::string_view what) const { return wrong_at(offset_, what); }

  Unexpected<Error> wrong_at(std::size_t offset, std::string_view what) const {
    return failure(fmt::format("at column {}: {}", column_of(text_, offset), what));
  }

  std::string_view rest() const { return text_.substr(offset_); }

  void advance(std::size_t bytes) {
    offset_ += bytes;
    offset_ += std::min(rest().find_first_not_of(kTextSpaces), rest().size());
  }

  bool take(std::string_view symbol) {
    if (!rest().starts_with(symbol)) return false;
    advance(symbol.size());
    return true;
  }

  std::string_view word() const { return rest().substr(0, rest().find_first_of(kWordEnds)); }

  bool take_word(std::string_view expected) {
    if (word() != expected) return false;
    advance(expected.size());
    return true;
  }

  Result<Condition> read_any() {
    return read_joined(Condition::Op::kAny, "or", &WhereParser::read_all);
  }
  Result<Condition> read_all() {
    return read_joined(Condition::Op::kAll, "and", &WhereParser::read_one);
  }

  Result<Condition> read_joined(Condition::Op op, std::string_view joint,
                                Result<Condition> (WhereParser::*read_part)()) {
    Condition joined{.op = op, .parts = {}, .slot = 0, .literals = {}};
    do {
      auto part = (this->*read_part)();
      if (!part) return part;
      joined.parts.push_back(std::move(*part));
    } while (take_word(joint));
    if (joined.parts.size() > 1) return joined;
    Condition only = std::move(joined.parts.front());
    return only;
  }

  Result<Condition> read_one() {
    if (word() != "not" && !rest().starts_with('(')) return read_comparison();
    if (depth_ == kMaxWhereDepth) {
      return wrong(fmt::format("is nested more than {} deep", kMaxWhereDepth));
    }
    ++depth_;
    auto inner = take_word("not") ? negated(read_one()) : read_parentheses();
    --depth_;
    return inner;
  }

  static Result<Condition> negated(Result<Condition> condition) {
    if (!condition) return condition;
    Condition outer{.op = Condition::Op::kNot, .parts = {}, .slot = 0, .literals = {}};
    outer.parts.push_back(std::move(*condition));
    return outer;
  }

  Result<Condition> read_parentheses() {
    const std::size_t opened = offset_;
    take("(");
    auto inner = read_any();
    if (!inner || take(")")) return inner;
    return wrong(fmt::format("expected 'and', 'or' or the ')' of the '(' at column {}",
                             column_of(text_, opened)));
  }

  Result<Condition> read_comparison() {
    const auto slot = read_pointer();
    if (!slot) return failure(slot.error().message);
    if (take("==")) return read_equals(*slot);
    if (take("!=")) return negated(read_equals(*slot));
    if (take_word("in")) return read_in(*slot);
    if (!take_word("exists")) {
      return wrong("expected '==', '!=', 'in' or 'exists' after the JSON pointer");
    }
    return Condition{.op = Condition::Op::kExists, .parts = {}, .slot = *slot, .literals = {}};
  }

  Result<Condition> read_equals(std::size_t slot) {
    auto literal = read_literal();
    if (!literal) return failure(literal.error().message);
    return Condition{
        .op = Condition::Op::kIn, .parts = {}, .slot = slot, .literals = {std::move(*literal)}};
  }

  Result<Condition> read_in(std::size_t slot) {
    Condition condition{.op = Condition::Op::kIn, .parts = {}, .slot = slot, .literals = {}};
    if (!take("[")) return wrong("expected '[' and a list of values");
    do {
      auto literal = read_literal();
      if (!literal) return failure(literal.error().message);
      condition.literals.push_back(std::move(*literal));
    } while (take(","));
    if (!take("]")) return wrong("expected ',' or ']'");
    return condition;
  }

  Result<std::size_t> read_pointer() {
    const std::size_t begin = offset_;
    std::string pointer;
    if (rest().starts_with('"')) {
      auto quoted = read_string();
      if (!quoted) return failure(quoted.error().message);
      pointer = std::move(*quoted);
    } else if (rest().starts_with('/')) {
      pointer = word();
      advance(pointer.size());
    } else {
      return wrong("expected a JSON pointer such as /event, 'not' or '('");
    }
    const auto names = parse_pointer(pointer);
    if (!names) return wrong_at(begin, "the JSON pointer " + names.error().message);
    return pointers_.add(*names);
  }

  Result<Literal> read_literal() {
    if (rest().starts_with('"')) {
      auto text = read_string();
      if (!text) return failure(text.error().message);
      return Literal{ValueKind::kString, std::move(*text)};
    }
    const std::string text(word());
    const bool is_word = text == "true" || text == "false" || text == "null";
    if (!is_word && !is_number(text)) {
      return wrong("expected a string in double quotes, a number, true, false or null");
    }
    advance(text.size());
    return Literal{is_word ? ValueKind::kWord : ValueKind::kNumber, text};
  }

  Result<std::string> read_string() {
    std::size_t end = 1;
    while (end < rest().size() && rest()[end] != '"') {
      if (rest()[end] == '\\') ++end;
      ++end;
    }
    if (end >= rest().size()) return wrong("the string has no end");
    auto text = unquoted(rest().substr(0, end + 1));
    if (!text) return wrong("not a JSON string");
    advance(end + 1);
    return std::move(*text);
  }

  const std::string_view text_;
  std::size_t offset_ = 0;
  std::size_t depth_ = 0;
  PointerTree pointers_;
};

}  // namespace

Result<ParsedWhere> parse_where(std::string_view text) {
  if (text.size() > kMaxWhereBytes) {
    return failure(fmt::format("is longer than {} bytes", kMaxWhereBytes));
  }
  return WhereParser(text).parse();
}

}  // namespace moult::route
