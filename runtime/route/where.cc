#include "runtime/route/where.h"

#include "runtime/route/document.h"

namespace moult::route {

Result<Where> Where::parse(std::string_view text) {
  auto parsed = parse_where(text);
  if (!parsed) return failure(parsed.error().message);
  return Where(text, std::move(*parsed));
}

Match Where::matches(Payload payload, Scratch& scratch) const {
  const auto values = read_document(payload, parsed_.pointers, scratch);
  if (!values) return Match::kNotJson;
  return holds(parsed_.condition, *values) ? Match::kYes : Match::kNo;
}

}  // namespace moult::route
