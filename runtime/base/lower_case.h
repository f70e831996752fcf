#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace moult {

/// ASCII only, whatever the locale.
inline std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return out;
}

}  // namespace moult
