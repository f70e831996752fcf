#include "runtime/route/key_pointer.h"

#include <fmt/format.h>

#include "runtime/route/document.h"
#include "runtime/route/json_pointer.h"

namespace moult::route {

Result<KeyPointer> KeyPointer::parse(std::string_view text) {
  if (text.empty()) return failure("is empty");
  if (text.size() > kMaxBytes) return failure(fmt::format("is longer than {} bytes", kMaxBytes));
  const auto names = parse_pointer(text);
  if (!names) return failure(names.error().message);
  PointerTree pointers;
  pointers.add(*names);
  return KeyPointer(std::move(pointers));
}

Found KeyPointer::find(Payload payload, Scratch& scratch) const {
  const auto values = read_document(payload, pointers_, scratch);
  if (!values) return {.what = Found::What::kNotJson, .key = {}};
  const Value& value = values->front();
  if (value.kind == ValueKind::kMissing) return {.what = Found::What::kMissing, .key = {}};
  return {.what = Found::What::kKey, .key = value.text};
}

}  // namespace moult::route
