#include <algorithm>
#include <array>

#include "runtime/base/lower_case.h"
#include "runtime/config/load.h"

namespace moult {
namespace {

/// A property with one of these among the words of its name holds a secret …
constexpr std::array<std::string_view, 13> kSecretWords = {
    "password", "passwd", "passphrase", "secret", "secrets", "pem",         "token",
    "tokens",   "jaas",   "jwt",        "key",    "private", "credentials",
};
/// … unless the last word says that it is only the place of one.
constexpr std::array<std::string_view, 3> kPlaceWords = {"location", "file", "path"};
/// Lists in which secrets may stand beside other things.
constexpr std::array<std::string_view, 2> kSecretProperties = {"sasl.oauthbearer.config",
                                                               "sasl.oauthbearer.extensions"};

template <std::size_t kSize>
bool contains(const std::array<std::string_view, kSize>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

bool is_secret_property(std::string_view name) {
  const std::string plain = lower_case(name);
  if (contains(kSecretProperties, plain)) return true;
  constexpr std::string_view kSeparators = "._-";
  std::string_view rest = plain;
  std::string_view word;
  bool is_secret = false;
  while (!rest.empty()) {
    const std::size_t size = std::min(rest.find_first_of(kSeparators), rest.size());
    word = rest.substr(0, size);
    is_secret = is_secret || contains(kSecretWords, word);
    rest.remove_prefix(std::min(size + 1, rest.size()));
  }
  return is_secret && !contains(kPlaceWords, word);
}

}  // namespace moult
