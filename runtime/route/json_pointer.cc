#include "runtime/route/json_pointer.h"

#include <utility>

namespace moult::route {
namespace {

Result<std::string> unescaped(std::string_view token) {
  std::string name;
  for (std::size_t index = 0; index < token.size(); ++index) {
    if (token[index] != '~') {
      name += token[index];
      continue;
    }
    ++index;
    const char escaped = index < token.size() ? token[index] : '\0';
    if (escaped != '0' && escaped != '1') return failure("has a ~ that is neither ~0 nor ~1");
    name += escaped == '0' ? '~' : '/';
  }
  return name;
}

}  // namespace

Result<std::vector<std::string>> parse_pointer(std::string_view text) {
  std::vector<std::string> names;
  if (text.empty()) return names;
  if (text.front() != '/') return failure("does not begin with /");
  while (!text.empty()) {
    text.remove_prefix(1);
    const std::string_view token = text.substr(0, text.find('/'));
    auto name = unescaped(token);
    if (!name) return failure(name.error().message);
    names.push_back(std::move(*name));
    text.remove_prefix(token.size());
  }
  return names;
}

}  // namespace moult::route
