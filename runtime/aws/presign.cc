#include "runtime/aws/presign.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>

namespace moult::aws {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kEnd = "aws4_request";
constexpr std::size_t kDateSize = 8;

using Digest = std::array<unsigned char, 32>;
using Query = std::vector<std::pair<std::string, std::string>>;

std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string hex(const Digest& digest) { return fmt::format("{:02x}", fmt::join(digest, "")); }

std::optional<Digest> sha256(std::string_view text) {
  Digest digest{};
  if (::EVP_Digest(text.data(), text.size(), digest.data(), nullptr, ::EVP_sha256(), nullptr) !=
      1) {
    return std::nullopt;
  }
  return digest;
}

std::optional<Digest> hmac(std::string_view key, std::string_view text) {
  Digest digest{};
  const auto* made = ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()),
                            reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                            digest.data(), nullptr);
  return made == nullptr ? std::nullopt : std::optional(digest);
}

/// The secret key, narrowed down to a day, a region and a service.
std::optional<Digest> signing_key(const std::string& secret,
                                  std::initializer_list<std::string_view> scope) {
  std::string first = "AWS4" + secret;
  std::optional<Digest> key;
  for (const std::string_view part : scope) {
    key = hmac(key ? bytes_of(*key) : std::string_view(first), part);
    if (!key) break;
  }
  ::OPENSSL_cleanse(first.data(), first.size());
  return key;
}

bool is_unreserved(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

std::string encoded_path(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    out += percent_encoded(path.substr(0, slash));
    if (slash < path.size()) out += '/';
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return out;
}

/// Sorted by their encoded names: that order is part of what is signed.
std::string canonical(Query query) {
  for (auto& [name, value] : query) {
    name = percent_encoded(name);
    value = percent_encoded(value);
  }
  std::sort(query.begin(), query.end());
  std::string out;
  for (const auto& [name, value] : query) {
    out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, value);
  }
  return out;
}

}  // namespace

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char byte : text) {
    out += is_unreserved(byte) ? std::string(1, byte)
                               : fmt::format("%{:02X}", static_cast<unsigned char>(byte));
  }
  return out;
}

Result<std::string> presigned_url(const PresignRequest& request, const Credentials& credentials,
                                  UtcTime now) {
  const std::string time = compact_utc(now);
  const std::string_view date = std::string_view(time).substr(0, kDateSize);
  const std::string scope = fmt::format("{}/{}/{}/{}", date, request.region, request.service, kEnd);
  Query query = request.query;
  query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  query.emplace_back("X-Amz-Credential", credentials.access_key_id + "/" + scope);
  query.emplace_back("X-Amz-Date", time);
  query.emplace_back("X-Amz-Expires", std::to_string(request.lifetime.count()));
  query.emplace_back("X-Amz-SignedHeaders", "host");
  if (!credentials.session_token.empty()) {
    query.emplace_back("X-Amz-Security-Token", credentials.session_token);
  }
  const std::string path = encoded_path(request.path);
  const std::string text = canonical(std::move(query));
  const auto no_body = sha256("");
  if (!no_body) return failure("OpenSSL has no SHA-256");
  const auto hashed = sha256(
      fmt::format("GET\n{}\n{}\nhost:{}\n\nhost\n{}", path, text, request.host, hex(*no_body)));
  auto key =
      signing_key(credentials.secret_access_key, {date, request.region, request.service, kEnd});
  if (!hashed || !key) return failure("OpenSSL has no HMAC with SHA-256");
  const auto signature =
      hmac(bytes_of(*key), fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, scope, hex(*hashed)));
  ::OPENSSL_cleanse(key->data(), key->size());
  if (!signature) return failure("OpenSSL has no HMAC with SHA-256");
  return fmt::format("https://{}{}?{}&X-Amz-Signature={}", request.host, path, text,
                     hex(*signature));
}

}  // namespace moult::aws
