#include "runtime/plugin/manifest.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/lower_case.h"
#include "runtime/plugin/rules.h"

namespace moult {
namespace {

constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kDigestChars = 2 * kDigestBytes;
constexpr std::size_t kReadBytes = 256ULL * 1024;

struct ContextFree {
  void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, ContextFree>;

/// Hex; nothing when the copy can't be read.
std::optional<std::string> digest_of(int fd) {
  const Context context(::EVP_MD_CTX_new());
  if (!context || ::EVP_DigestInit_ex(context.get(), ::EVP_sha256(), nullptr) != 1) return {};
  std::vector<char> buffer(kReadBytes);
  for (off_t at = 0;;) {
    const ssize_t count = ::pread(fd, buffer.data(), buffer.size(), at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return {};
    if (count == 0) break;
    const auto size = static_cast<std::size_t>(count);
    if (::EVP_DigestUpdate(context.get(), buffer.data(), size) != 1) return {};
    at += count;
  }
  std::array<unsigned char, kDigestBytes> digest{};
  if (::EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) return {};
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

bool is_hex(char byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
         (byte >= 'A' && byte <= 'F');
}

/// The digest of a line `DIGEST  PATH` (or ` *PATH`) whose path ends with `name`.
std::optional<std::string> digest_for(std::string_view line, std::string_view name) {
  if (line.size() < kDigestChars + 3 || line[kDigestChars] != ' ') return {};
  const char mode = line[kDigestChars + 1];
  const std::string_view hex = line.substr(0, kDigestChars);
  if ((mode != ' ' && mode != '*') || !std::all_of(hex.begin(), hex.end(), is_hex)) return {};
  std::string_view path = line.substr(kDigestChars + 2);
  const std::size_t slash = path.rfind('/');
  if (slash != path.npos) path = path.substr(slash + 1);
  if (path != name) return {};
  return lower_case(hex);
}

std::optional<std::string> find_digest(std::string_view manifest, std::string_view name) {
  while (!manifest.empty()) {
    const std::size_t end = std::min(manifest.find('\n'), manifest.size());
    std::string_view line = manifest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (auto digest = digest_for(line, name)) return digest;
    manifest.remove_prefix(std::min(end + 1, manifest.size()));
  }
  return {};
}

}  // namespace

Status check_manifest(int fd, std::string_view manifest, const std::filesystem::path& plugin,
                      std::string_view name) {
  const auto expected = find_digest(manifest, name);
  if (!expected) {
    return refuse(plugin, rules::kManifestMalformed,
                  fmt::format("{}.sha256 has no line with a SHA-256 of {}", name, name));
  }
  const auto found = digest_of(fd);
  if (!found) return refuse(plugin, rules::kStagingIo, "the private copy can't be read");
  if (*found == *expected) return Ok{};
  return refuse(plugin, rules::kSha256Mismatch,
                fmt::format("its SHA-256 is {}, {}.sha256 says {}", *found, name, *expected));
}

}  // namespace moult
