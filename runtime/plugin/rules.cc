#include "runtime/plugin/rules.h"

#include <fmt/format.h>

namespace moult {

Unexpected<Error> refuse(const std::filesystem::path& file, const Rule& rule,
                         std::string_view what) {
  return failure(
      fmt::format("{}: refused by rule {}: {}; {}", file.string(), rule.id, what, rule.cure));
}

}  // namespace moult
