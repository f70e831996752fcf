#include "runtime/aws/credential_json.h"

#include <fmt/format.h>
#include <simdjson.h>

namespace moult::aws {
namespace {

std::string member(const simdjson::dom::object& object, const char* name) {
  std::string_view text;
  return object[name].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

}  // namespace

Result<Credentials> parse_credentials(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(json.data(), json.size()).get(object) != simdjson::SUCCESS) {
    return failure("the answer is no JSON object");
  }
  Credentials credentials{member(object, "AccessKeyId"), member(object, "SecretAccessKey"),
                          member(object, "Token"), std::nullopt};
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    return failure("the answer has no AccessKeyId or no SecretAccessKey");
  }
  const std::string expiration = member(object, "Expiration");
  if (expiration.empty()) return credentials;
  credentials.expires = parse_utc(expiration);
  if (!credentials.expires) return failure("the answer has an Expiration that is no time in UTC");
  return credentials;
}

}  // namespace moult::aws
