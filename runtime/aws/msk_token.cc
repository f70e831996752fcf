#include "runtime/aws/msk_token.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>

#include "runtime/aws/presign.h"

namespace moult::aws {
namespace {

constexpr std::chrono::seconds kTokenLifetime{900};  // the longest that MSK takes
constexpr std::string_view kUserAgent = "moult";

/// Without padding, as AWS's own clients have it.
std::string base64url(std::string_view text) {
  // Four characters for three bytes, and a NUL.
  std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
  const int size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  std::replace(out.begin(), out.end(), '+', '-');
  std::replace(out.begin(), out.end(), '/', '_');
  while (out.ends_with('=')) out.pop_back();
  return out;
}

}  // namespace

Result<MskToken> make_msk_token(const Credentials& credentials, const std::string& region,
                                UtcTime now) {
  if (credentials.expires && *credentials.expires <= now) {
    return failure(
        fmt::format("the AWS credentials ended at {}: whoever gives them out has to "
                    "renew them, or this machine's clock is wrong",
                    compact_utc(*credentials.expires)));
  }
  const PresignRequest request{.host = fmt::format("kafka.{}.amazonaws.com", region),
                               .query = {{"Action", "kafka-cluster:Connect"}},
                               .region = region,
                               .service = "kafka-cluster",
                               .lifetime = kTokenLifetime};
  auto url = presigned_url(request, credentials, now);
  if (!url) return Unexpected(url.error());
  // Brokers want to know who asks; it is not a part of what is signed.
  *url += fmt::format("&User-Agent={}", kUserAgent);
  const UtcTime end = now + kTokenLifetime;
  return MskToken{base64url(*url), credentials.expires ? std::min(end, *credentials.expires) : end};
}

}  // namespace moult::aws
